import Reactor
import TestSupport
import Testing

@testable import DataPath

/// What still has to go to the successor.
struct ForwardQueueTests {
    private var queue = ForwardQueue()

    private mutating func sendFirst(to end: UInt64) -> BufferIndex? {
        guard case .frame(let buffer)? = queue.first else { return nil }
        queue.beginFrame()
        queue.sentFrame(to: end)
        return buffer
    }

    @Test mutating func framesLeaveInOrderAndTheSealBehindThem() {
        queue.append(3)
        queue.appendSeal()
        #expect(queue.hasMore, "the seal follows at once")
        queue.append(1)
        #expect(sendFirst(to: 10) == 3)
        #expect(sendFirst(to: 20) == 1)
        #expect(queue.forwarded == 20)
        #expect(!queue.isEmpty && !queue.hasMore)
        if case .seal? = queue.first { queue.beginSeal() } else { Issue.record("the seal is left") }
        #expect(queue.isEmpty && queue.first == nil)
    }

    @Test mutating func aDuplicateDoesNotTakeBackWhatWasForwarded() {
        queue.append(3)
        _ = sendFirst(to: 20)
        queue.append(4)
        _ = sendFirst(to: 10)
        #expect(queue.forwarded == 20)
    }

    @Test mutating func anUnalignedFrameGoesInTwoSends() {
        queue.append(3)
        queue.beginFrame()
        queue.sentHeader()
        #expect(queue.isHeaderSent && !queue.isSending && !queue.isEmpty)
        #expect(sendFirst(to: 10) == 3)
        #expect(!queue.isHeaderSent)
    }

    @Test mutating func whatIsBeingSentIsNotTakenBack() {
        for buffer in [1, 2, 3] as [BufferIndex] { queue.append(buffer) }
        queue.beginFrame()
        #expect(queue.takeUnsent() == 3 && queue.takeUnsent() == 2)
        #expect(queue.takeUnsent() == nil, "its completion brings it back")
        queue.dropFrame()
        #expect(queue.isEmpty)
    }

    @Test mutating func itGoesRoundItsRing() {
        for buffer in BufferIndex.places(200) {
            queue.append(buffer)
            queue.append(1000)
            #expect(sendFirst(to: 0) == buffer)
            #expect(sendFirst(to: 0) == 1000)
        }
    }
}

/// A duplicate that is compared with what the device has.
struct DuplicateCheckTests {
    @Test func oneIsReadAndCompared() {
        var check = DuplicateCheck()
        check.begin(5)
        #expect(check.mayRead == 5)
        check.read(into: 7)
        #expect(check.mayRead == nil)
        #expect(check.didRead() == 5)
        #expect(check.take() == 5 && check.isIdle)
    }

    /// And the next one is read only when the first read is over.
    @Test func whatWasGivenUpIsComparedWithNothing() {
        var check = DuplicateCheck()
        check.begin(5)
        check.read(into: 7)
        #expect(check.take() == 5)
        check.begin(6)
        #expect(check.mayRead == nil)
        #expect(check.didRead() == nil)
        #expect(check.mayRead == 6)
    }
}
