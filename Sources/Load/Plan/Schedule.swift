/// Which operation a worker begins next, and when, as a pure state.
///
/// Operations are numbered over all workers of all hosts: worker w of W takes w, w + W, w + 2W and
/// so on. With a rate, each has an intended start whatever became of the ones before it, and its
/// latency counts from there: a server that stalls cannot make the generator stop asking, and so
/// hide its own stall (coordinated omission; G. Tene, "How NOT to measure latency").
package struct Schedule: Equatable {
    package enum Step: Equatable {
        /// `key` is the operation's object; `intended` is on the monotonic clock, nanoseconds.
        case start(key: UInt64, intended: UInt64)
        case wait(until: UInt64)
        case finished
    }

    private let worker: UInt64
    private let workers: UInt64
    private let keys: UInt64?
    private let interval: Double?
    private let start: UInt64
    /// No operation begins then or later; `nil`: after `keys` operations.
    private let end: UInt64?
    private var taken: UInt64 = 0
    private var skipped: UInt64 = 0

    /// - Parameters:
    ///   - rate: operations a second of all workers together.
    ///   - end: with one, `keys` is how many objects the operations go around, each worker around
    ///     its own, unless there are fewer of them than workers.
    package init(
        worker: Int, of workers: Int, keys: UInt64?, rate: Double?, start: UInt64, end: UInt64?
    ) {
        precondition((0..<workers).contains(worker), "a worker has a place")
        self.worker = UInt64(worker)
        self.workers = UInt64(workers)
        self.keys = keys
        interval = rate.map { 1e9 / $0 }
        self.start = start
        self.end = end
    }

    package mutating func next(now: UInt64) -> Step {
        let number = taken * workers + worker
        if end == nil, let keys, number >= keys { return .finished }
        if let end, now >= end { return .finished }
        guard now >= start else { return .wait(until: start) }
        var intended = now
        if interval != nil {
            intended = time(of: number)
            if let end, intended >= end { return .finished }
            guard now >= intended else { return .wait(until: intended) }
        }
        taken += 1
        return .start(key: key(taken - 1), intended: intended)
    }

    /// The object after the one that was due, which a slow operation still has.
    package mutating func another() -> UInt64 {
        skipped += 1
        return key(taken - 1)
    }

    /// An operation that was due before the end and never began, one by one.
    package mutating func nextMissed() -> UInt64? {
        guard interval != nil, let end else { return nil }
        let intended = time(of: taken * workers + worker)
        guard intended < end else { return nil }
        taken += 1
        return intended
    }

    private func time(of number: UInt64) -> UInt64 {
        start + UInt64(Double(number) * (interval ?? 0))
    }

    private func key(_ operation: UInt64) -> UInt64 {
        let turn = operation + skipped
        guard end != nil, let keys else { return turn * workers + worker }
        guard worker < keys else { return worker % keys }
        let own = (keys - worker).dividedUp(by: workers)
        return turn % own * workers + worker
    }
}
