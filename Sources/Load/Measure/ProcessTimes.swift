import Glibc

/// CPU time of this process and of every Catena process of this machine that it may look at.
package struct ProcessTimes: Sendable {
    /// One process while it lived.
    package struct Identity: Codable, Sendable, Hashable {
        /// Of the machine's boot, so that two generators on one machine name it once.
        package let machine: String
        package let pid: Int32
        /// In ticks after the boot: a pid that was given away again is another process.
        package let started: UInt64
        /// The name of its program, at most 15 characters.
        package let role: String

        package init(machine: String, pid: Int32, started: UInt64, role: String) {
            self.machine = machine
            self.pid = pid
            self.started = started
            self.role = role
        }
    }

    /// Seconds of user and system time.
    package private(set) var seconds: [Identity: Double] = [:]

    /// What is true now.
    package static func sample() -> ProcessTimes {
        var times = ProcessTimes()
        let machine = text(of: "/proc/sys/kernel/random/boot_id").filter { !$0.isWhitespace }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        for name in entries(of: "/proc") {
            guard let pid = Int32(name) else { continue }
            let isSelf = pid == getpid()
            guard let process = parse(text(of: "/proc/\(pid)/stat")),
                isSelf || process.name.hasPrefix("catena-")
            else { continue }
            let identity = Identity(
                machine: machine, pid: pid, started: process.started, role: process.name)
            times.seconds[identity] = isSelf ? own() : Double(process.ticks) / ticks
        }
        return times
    }

    /// What each process used since an earlier sample. One that has ended since is left out: what
    /// it used is not known.
    package func since(_ earlier: ProcessTimes) -> [ProcessUse] {
        seconds.map { identity, seconds in
            ProcessUse(
                process: identity, seconds: max(0, seconds - (earlier.seconds[identity] ?? 0)))
        }
    }

    /// Name, ticks of user and system time, and start (proc_pid_stat.5). The name may hold blanks
    /// and parentheses.
    package static func parse(
        _ stat: String
    ) -> (name: String, ticks: UInt64, started: UInt64)? {
        guard let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")"),
            open < close
        else { return nil }
        let fields = stat[stat.index(after: close)...].split(separator: " ")
        // Fields 14, 15 and 22 of the line; what follows the name begins with the third.
        guard fields.count > 19, let user = UInt64(fields[11]), let system = UInt64(fields[12]),
            let started = UInt64(fields[19])
        else { return nil }
        return (String(stat[stat.index(after: open)..<close]), user + system, started)
    }

    private static func own() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double {
        Double(time.tv_sec) + Double(time.tv_usec) / 1e6
    }

    private static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(
                // In place: the entry may be shorter than its type, and end where memory ends.
                withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                    String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                })
        }
        return names
    }

    /// The file's beginning, or nothing: a process may end at any time.
    private static func text(of path: String) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

/// CPU time of one process in a phase.
package struct ProcessUse: Codable, Sendable {
    package let process: ProcessTimes.Identity
    package let seconds: Double

    package init(process: ProcessTimes.Identity, seconds: Double) {
        self.process = process
        self.seconds = seconds
    }
}
