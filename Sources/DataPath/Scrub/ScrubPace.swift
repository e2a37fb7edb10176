/// When a device's scrub may read again: as a value, so that it can be shown any course of time.
///
/// Two bounds hold together. *Pace*: over a whole pass the bytes are spread over four fifths of the
/// period, so that each block is met within it though passes and restarts are not in step. *Share*:
/// a read that took t is followed by t * (100 - share) / share of rest, so that a device spends at
/// most that share of its time on the scrub, whatever it is able to do; when writers and readers
/// make it slow, the scrub's reads take longer and its rests with them. What somebody asked for is
/// held by the share alone.
///
/// Reads may be ahead of their rest by `burst`, a few ticks of the reactor's timers, so that a fast
/// device's short rests are not each rounded up to a tick.
struct ScrubPace {
    static let burst: UInt64 = 50_000_000

    /// Nanoseconds within which every block is read; 0: only what is asked for.
    let period: UInt64
    /// Percent of a device's time, 1 to 100.
    let share: UInt64
    /// Where the schedule stands: the next byte of the pass is due then.
    private var due: UInt64
    /// When the device will have rested from every read so far.
    private var rested: UInt64

    init(period: UInt64, share: Int, now: UInt64) {
        precondition((1...100).contains(share), "a share is in percent")
        self.period = period
        self.share = UInt64(share)
        due = now
        rested = now
    }

    /// When the next read may begin; `nil`: not by itself.
    func start(isUrgent: Bool) -> UInt64? {
        let rest = rested > Self.burst ? rested - Self.burst : 0
        if isUrgent { return rest }
        return period == 0 ? nil : max(due, rest)
    }

    /// Counts a read that ended.
    /// - Parameters:
    ///   - bytes: that it brought, of `total` that the device has.
    mutating func finished(
        started: UInt64, now: UInt64, bytes: UInt64, of total: UInt64, isUrgent: Bool
    ) {
        rested = max(rested, started) &+ (now - started) * 100 / share
        guard period > 0, !isUrgent, total > 0 else { return }
        // Time that was lost is made up for, but not all at once.
        let late = now > period / 16 ? now - period / 16 : 0
        let span = Double(period) * 0.8 * Double(bytes) / Double(max(total, bytes))
        due = max(due, late) &+ UInt64(span)
    }
}
