import Glibc

/// CLOCK_MONOTONIC: durations on one machine while it runs. It stands still while the machine
/// sleeps.
package enum MonotonicClock {
    @inlinable package static var nanoseconds: UInt64 {
        let time = readClock(CLOCK_MONOTONIC)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    package static var milliseconds: Int64 { Int64(nanoseconds / 1_000_000) }
}

/// CLOCK_BOOTTIME: as the monotonic clock, and it goes on while the machine sleeps, so that what
/// was promised for a while does not outlive its promise.
package enum BootClock {
    package static var milliseconds: Int64 { inMilliseconds(readClock(CLOCK_BOOTTIME)) }
}

/// CLOCK_REALTIME: dates for people. It may be set back, and no promise rests on it.
package enum WallClock {
    /// Since 1970.
    package static var milliseconds: Int64 { inMilliseconds(readClock(CLOCK_REALTIME)) }
}

@inlinable
package func readClock(_ clock: clockid_t) -> timespec {
    var time = timespec()
    let result = clock_gettime(clock, &time)
    precondition(result == 0, "the kernel has this clock since Linux 2.6.39")
    return time
}

private func inMilliseconds(_ time: timespec) -> Int64 {
    Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
}
