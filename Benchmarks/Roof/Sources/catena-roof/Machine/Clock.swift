import Glibc

enum Clock {
    /// Seconds on the monotonic clock.
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// User and system seconds of this process and of the children it has waited for.
    static var cpuSeconds: Double { cpu(RUSAGE_SELF.rawValue) + cpu(RUSAGE_CHILDREN.rawValue) }

    /// User and system seconds of a running process, so far.
    static func cpuSeconds(of process: pid_t) throws(RoofFailure) -> Double {
        var clock = clockid_t()
        var time = timespec()
        let result = clock_getcpuclockid(process, &clock)
        guard result == 0, clock_gettime(clock, &time) == 0 else {
            throw RoofFailure("asking for a hop's CPU time", errno: result == 0 ? errno : result)
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func cpu(_ who: __rusage_who_t) -> Double {
        var usage = rusage()
        getrusage(who, &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6
    }
}
