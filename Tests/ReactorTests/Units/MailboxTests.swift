import Glibc
import Reactor
import Synchronization
import TestSupport
import Testing

@Suite struct MailboxTests {
    @Test func refusesAtItsBoundAndWhenClosed() {
        let mailbox = Mailbox<Int>(capacity: 2, waker: RingWaker())
        #expect(mailbox.isEmpty)
        #expect(mailbox.post(1) == .taken)
        #expect(mailbox.post(2) == .taken)
        #expect(mailbox.post(3) == .busy)
        #expect(!mailbox.isEmpty)
        #expect(mailbox.drain() == [1, 2])
        #expect(mailbox.isEmpty)
        #expect(mailbox.post(4) == .taken)
        mailbox.close()
        #expect(mailbox.post(5) == .closed)
        #expect(mailbox.drain() == [4])
    }

    /// Four threads post, one drains: nothing is lost, each sender's order holds, the bound holds.
    @Test func keepsEachSendersOrderUnderThreads() {
        let senders = 4
        let each = 5000
        let mailbox = Mailbox<Int>(capacity: 64, waker: RingWaker())
        let threads = (0..<senders).map { sender in
            TestThread {
                for number in 0..<each {
                    while mailbox.post(sender * each + number) != .taken { sched_yield() }
                }
            }
        }
        var next = [Int](repeating: 0, count: senders)
        var taken = 0
        while taken < senders * each {
            let messages = mailbox.drain()
            #expect(messages.count <= 64)
            for message in messages {
                #expect(message % each == next[message / each])
                next[message / each] += 1
            }
            taken += messages.count
            if messages.isEmpty { sched_yield() }
        }
        for thread in threads { thread.join() }
        #expect(next == [Int](repeating: each, count: senders))
    }

    /// A ring's thread sleeps in the kernel; only the waker ends its wait before the deadline.
    @Test func wakesAKernelRingFromAnotherThread() throws {
        var reactor = Reactor(ring: try Backend.makeKernelRing(), operations: 16, timers: 1)
        let mailbox = Mailbox<Int>(capacity: 4, waker: reactor.ring.waker)
        for round in 1...3 {
            let thread = TestThread {
                usleep(5000)
                _ = mailbox.post(round)
            }
            let patience = reactor.now + 60_000_000_000
            while mailbox.isEmpty, reactor.now < patience {
                reactor.turn(waitUntil: patience)
                while reactor.next() != nil { Issue.record("a wake-up is no event of a room") }
            }
            #expect(mailbox.drain() == [round])
            thread.join()
        }
    }
}
