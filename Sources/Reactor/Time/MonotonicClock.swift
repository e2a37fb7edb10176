import Glibc

/// CLOCK_MONOTONIC: durations on one machine only. Two machines' readings have nothing in common.
public enum MonotonicClock {
    public static var nanoseconds: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    public static var milliseconds: Int64 { Int64(nanoseconds / 1_000_000) }
}
