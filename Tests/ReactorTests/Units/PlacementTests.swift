import CURing
import Glibc
import Reactor
import Testing

@Suite struct PlacementTests {
    /// On a thread of its own: where a thread may run is for its life.
    private func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) throws -> Value {
        let result = Rendezvous<Value>()
        let thread = try ReactorThread("test") { result.fulfil(body()) }
        defer { thread.join() }
        return result.wait()
    }

    @Test func aThreadStaysOnTheCPUsItIsGiven() throws {
        let before = ThreadPlacement.allowed()
        let last = try #require(before.last)
        let inside = try onThread { () -> [Int]? in
            do {
                try ThreadPlacement.run(on: [last])
                return ThreadPlacement.allowed()
            } catch {
                return nil
            }
        }
        #expect(inside == [last])
        #expect(ThreadPlacement.allowed() == before, "other threads are where they were")
    }

    @Test func aCPUThatIsNotThereIsNamed() throws {
        let sentence = try onThread { () -> String in
            do throws(RingFailure) {
                try ThreadPlacement.run(on: [1023])
                return ""
            } catch {
                return error.description
            }
        }
        #expect(sentence.contains("CPU 1023"))
        #expect(sentence.contains("Cpus_allowed_list"))
    }

    @Test(arguments: [false, true])
    func aRegionIsWholeAlignedAndWritable(hugePages: Bool) throws {
        let count = (3 << 20) + 4096
        let region = try BufferRegion(byteCount: count, hugePages: hugePages)
        #expect(region.bytes.count == count)
        let base = try #require(region.bytes.baseAddress)
        #expect(UInt(bitPattern: base) % 4096 == 0)
        for offset in [0, count - 1] { region.bytes[offset] = 0x5a }
        #expect(region.bytes[count - 1] == 0x5a)
        #expect(hugePages || region.pages == .normal)
        var ring = try Backend.makeKernelRing()
        try ring.register(region: region.bytes)
    }
}
