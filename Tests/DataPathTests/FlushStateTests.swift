import TestSupport
import Testing

@testable import DataPath

struct FlushStateTests {
    private func mark(_ end: UInt64) -> FlushState.Mark {
        FlushState.Mark(end: end, lastChecksum: UInt32(end))
    }

    @Test func aFlushBeginsWhenItsBytesAreOnTheDevice() {
        var flush = FlushState()
        flush.ask(100)
        #expect(!flush.isReached(hwm: 99))
        #expect(flush.isReached(hwm: 120))
        flush.take(mark(120))
        #expect(!flush.isReached(hwm: 200), "it was taken")
        let early = flush.begin(written: 119)
        #expect(!early)
        let begun = flush.begin(written: 120)
        #expect(begun && flush.running == mark(120) && flush.durable == 0)
        flush.complete()
        #expect(flush.durable == 120 && flush.isIdle && flush.owesNothing)
    }

    @Test func whatIsAskedWhileOneRunsJoinsTheNext() {
        var flush = FlushState()
        flush.take(mark(100))
        _ = flush.begin(written: 100)
        for end in [200, 300, 400] as [UInt64] { flush.take(mark(end)) }
        let second = flush.begin(written: 1000)
        #expect(!second, "one at a time")
        flush.complete()
        let begun = flush.begin(written: 1000)
        #expect(begun && flush.running?.end == 400, "one flush for three")
        flush.complete()
        let again = flush.begin(written: 1000)
        #expect(!again)
    }

    /// A writer that asks after every frame, faster than its device writes, is answered.
    @Test func whoNeverStopsAskingIsAnswered() {
        var flush = FlushState()
        var written: UInt64 = 0
        for step in 1...50 as ClosedRange<UInt64> {
            flush.take(mark(step * 100))
            written = step > 4 ? (step - 4) * 100 : 0
            if flush.begin(written: written) { flush.complete() }
        }
        #expect(flush.durable >= 4_000)
    }

    @Test func anOlderPrefixIsNotFlushedAgain() {
        var flush = FlushState()
        flush.take(mark(100))
        _ = flush.begin(written: 100)
        flush.complete()
        flush.take(mark(100))
        #expect(!flush.isPending)
    }

    @Test func theChainIsAskedOnceItHasTheBytes() {
        var flush = FlushState()
        flush.take(mark(100))
        flush.take(mark(200))
        var asked = flush.nextToForward(sent: 99)
        #expect(asked == nil)
        asked = flush.nextToForward(sent: 150)
        #expect(asked == 100)
        asked = flush.nextToForward(sent: 150)
        #expect(asked == nil)
        asked = flush.nextToForward(sent: 250)
        #expect(asked == 200 && flush.forwarded == 200)
        flush.restart()
        #expect(flush.forwarded == 0)
        asked = flush.nextToForward(sent: 250)
        #expect(asked == nil, "the new stream asks itself")
        flush.take(mark(200))
        asked = flush.nextToForward(sent: 200)
        #expect(asked == 200, "also for what is durable here")
    }
}

struct SyncQueueTests {
    @Test func syncsOfFilesAreBounded() {
        var queue = SyncQueue()
        for stream in StreamIndex.places(SyncQueue.most) {
            let starts = queue.begin(stream)
            #expect(starts)
        }
        for stream in [100, 101] as [StreamIndex] {
            let starts = queue.begin(stream)
            #expect(!starts)
        }
        var next = queue.finished()
        #expect(next == 100)
        next = queue.finished()
        #expect(next == 101)
        next = queue.finished()
        #expect(next == nil)
        let starts = queue.begin(102)
        #expect(starts, "a place is free again")
    }

    /// A sync covers only names that were there when it began.
    @Test func whoComesDuringASyncOfTheDirectoryJoinsTheNext() {
        var queue = SyncQueue()
        let starts = [1, 2, 3].map { queue.join($0) }
        #expect(starts == [true, false, false])
        var ended = queue.directoryFinished()
        #expect(ended.covered == [1] && ended.isNextDue)
        ended = queue.directoryFinished()
        #expect(ended.covered == [2, 3] && !ended.isNextDue)
        let again = queue.join(4)
        #expect(again)
    }
}
