import Glibc

/// The clocks the server reads on the machine's behalf.
package enum MonotonicClock {
    /// Milliseconds that also pass while the host sleeps, so that a lease does not outlive its
    /// promise.
    package static func milliseconds() -> Int64 { read(CLOCK_BOOTTIME) }

    static func moment() -> Moment {
        Moment(now: milliseconds(), unixMs: read(CLOCK_REALTIME))
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "the kernel has this clock since Linux 2.6.39")
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
