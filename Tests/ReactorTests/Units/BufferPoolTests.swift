import Reactor
import Testing

@Suite struct BufferPoolTests {
    @Test func aBufferIsFreeAfterItsLastHolder() throws {
        let region = try BufferRegion(byteCount: 4 * 4096)
        let memory = try #require(region.bytes.baseAddress)
        var pool = BufferPool(memory: memory, stride: 4096, count: 4)
        let taken = pool.take()
        let buffer = try #require(taken)
        pool.hold(buffer)
        pool.hold(buffer)
        #expect(pool.holders(buffer) == 3)
        #expect(pool.release(buffer) == false)
        #expect(pool.release(buffer) == false)
        #expect(pool.free == 3)
        #expect(pool.release(buffer) == true)
        #expect(pool.free == 4)
    }

    @Test func allBuffersAreDistinctPagesAndThenThereIsNone() throws {
        let region = try BufferRegion(byteCount: 4 * 8192)
        let memory = try #require(region.bytes.baseAddress)
        var pool = BufferPool(memory: memory, stride: 8192, count: 4)
        var taken: [BufferIndex] = []
        while let buffer = pool.take() { taken.append(buffer) }
        #expect(Set(taken).count == 4)
        for buffer in taken {
            let place = pool.memory(buffer)
            #expect(UInt(bitPattern: place) % 4096 == 0)
            #expect(place >= memory && place + 8192 <= memory + region.bytes.count)
        }
        #expect(pool.release(taken[2]) == true)
        #expect(pool.take() == taken[2])
    }

    @Test func releasingTwiceTraps() async {
        await #expect(processExitsWith: .failure) {
            let region = try BufferRegion(byteCount: 4096)
            guard let memory = region.bytes.baseAddress else { return }
            var pool = BufferPool(memory: memory, stride: 4096, count: 1)
            guard let buffer = pool.take() else { return }
            _ = pool.release(buffer)
            _ = pool.release(buffer)
        }
    }

    @Test func holdingAFreeBufferTraps() async {
        await #expect(processExitsWith: .failure) {
            let region = try BufferRegion(byteCount: 4096)
            guard let memory = region.bytes.baseAddress else { return }
            BufferPool(memory: memory, stride: 4096, count: 1).hold(BufferIndex(0))
        }
    }
}
