import Reactor
import System
import TestSupport
import Testing

@testable import DataPath

struct WriteQueueTests {
    @Test func writtenIsTheEndOfTheFinishedPrefix() {
        var queue = WriteQueue()
        for index in 0..<4 {
            queue.append(buffer: BufferIndex(index), end: UInt64(index + 1) * 10, isAligned: true)
        }
        for index in 0..<4 {
            let issued = queue.nextToIssue()
            #expect(issued == BufferIndex(index))
        }
        let next2 = queue.nextToIssue()
        #expect(next2 == nil)
        queue.finish(buffer: 2)
        #expect(queue.written == 0)
        queue.finish(buffer: 0)
        #expect(queue.written == 10)
        queue.finish(buffer: 1)
        #expect(queue.written == 30)
        queue.finish(buffer: 3)
        #expect(queue.written == 40)
        #expect(queue.isEmpty)
    }

    @Test func aWriteInsideAPageWaitsForEveryWriteBeforeIt() {
        var queue = WriteQueue()
        queue.append(buffer: 7, end: 100, isAligned: true)
        queue.append(buffer: 8, end: 200, isAligned: false)
        queue.append(buffer: 9, end: 4096, isAligned: true)
        let next3 = queue.nextToIssue()
        #expect(next3 == 7)
        let next4 = queue.nextToIssue()
        #expect(next4 == nil)
        queue.finish(buffer: 7)
        let next5 = queue.nextToIssue()
        #expect(next5 == 8)
        let next6 = queue.nextToIssue()
        #expect(next6 == 9)
    }

    @Test func whatWasNotIssuedIsTakenBack() {
        var queue = WriteQueue()
        for index in 0..<3 {
            queue.append(buffer: BufferIndex(index), end: 1, isAligned: index == 0)
        }
        let next7 = queue.nextToIssue()
        #expect(next7 == 0)
        let next8 = queue.takeUnissued()
        #expect(next8 == 2)
        let next9 = queue.takeUnissued()
        #expect(next9 == 1)
        let next10 = queue.takeUnissued()
        #expect(next10 == nil)
    }

    @Test func oneSlowWriteKeepsThePlacesOfAllBehindIt() {
        var queue = WriteQueue()
        for index in 0..<WriteQueue.capacity {
            #expect(queue.room == WriteQueue.capacity - index)
            queue.append(buffer: BufferIndex(index), end: UInt64(index) + 1, isAligned: true)
            let issued = queue.nextToIssue()
            #expect(issued == BufferIndex(index))
            if index > 0 { queue.finish(buffer: BufferIndex(index)) }
        }
        #expect(queue.room == 0 && queue.written == 0)
        queue.finish(buffer: 0)
        #expect(queue.room == WriteQueue.capacity && queue.written == UInt64(WriteQueue.capacity))
    }

    /// Against a model that keeps everything: any order of finishing, buffers used again.
    @Test func anyOrderOfFinishingGivesThePrefix() {
        var random = Seeded(20_261_122)
        for _ in 0..<200 {
            var queue = WriteQueue()
            var ends: [UInt64] = []
            var done: [Bool] = []
            var flying: [(buffer: BufferIndex, index: Int)] = []
            var free = Array(BufferIndex.places(8))
            for _ in 0..<120 {
                if Bool.random(using: &random), let buffer = free.popLast() {
                    let end = (ends.last ?? 0) + UInt64.random(in: 1...9, using: &random)
                    queue.append(buffer: buffer, end: end, isAligned: true)
                    ends.append(end)
                    done.append(false)
                    let issued = queue.nextToIssue()
                    #expect(issued == buffer)
                    flying.append((buffer, ends.count - 1))
                } else if !flying.isEmpty {
                    let pick = flying.remove(at: Int.random(in: flying.indices, using: &random))
                    queue.finish(buffer: pick.buffer)
                    done[pick.index] = true
                    free.append(pick.buffer)
                }
                let prefix = done.firstIndex(of: false) ?? done.count
                #expect(queue.written == (prefix == 0 ? 0 : ends[prefix - 1]))
            }
        }
    }
}
