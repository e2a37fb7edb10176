import Glibc
import Reactor
import System

/// Finds a host's facts; what the kernel does not tell keeps its default.
public enum HostSurvey {
    /// - Parameters:
    ///   - directory: a data directory's place, which is measured; `nil` measures none.
    ///   - seconds: how long each of the three throughputs is measured.
    public static func facts(
        directory: String?, seconds: Double
    ) throws(StartFailure) -> HostFacts {
        var facts = HostFacts()
        var name = utsname()
        if uname(&name) == 0 {
            facts.kernel = withUnsafeBytes(of: name.release) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
        }
        do throws(RingFailure) {
            facts.ring = try RingFeatures.probe()
        } catch {
            throw StartFailure(.system, error.description)
        }
        facts.limits = limits()
        facts.memory = memory()
        facts.cpus = ThreadPlacement.allowed()
        facts.numaNodes = SystemFiles.numaNodes()
        facts.interfaces = SystemFiles.names("/sys/class/net").filter { $0 != "lo" }
            .map { interface($0) }
        if let directory {
            facts.device = try DeviceSurvey.facts(of: directory, seconds: seconds)
        }
        return facts
    }

    private static func limits() -> HostFacts.Limits {
        var locked = rlimit()
        var files = rlimit()
        getrlimit(__rlimit_resource_t(__RLIMIT_MEMLOCK.rawValue), &locked)
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        let isUnlimited = locked.rlim_cur == rlim_t.max || mayLock()
        return HostFacts.Limits(
            lockedBytes: isUnlimited ? nil : UInt64(locked.rlim_cur),
            openFiles: UInt64(files.rlim_cur))
    }

    /// CAP_IPC_LOCK, capability 14 (capabilities.7).
    private static func mayLock() -> Bool {
        guard let status = SystemFiles.text("/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
            let digits = line.split(separator: "\t").last,
            let mask = UInt64(hexadecimal: digits)
        else { return false }
        return mask & (1 << 14) != 0
    }

    private static func memory() -> HostFacts.Memory {
        let text = SystemFiles.text("/proc/meminfo") ?? ""
        let total =
            text.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }
            .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { UInt64($0) } ?? 0
        let free = SystemFiles.number("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
        let modes = SystemFiles.text("/sys/kernel/mm/transparent_hugepage/enabled") ?? "[never]"
        let mode = modes.split(separator: "[").last.flatMap { $0.split(separator: "]").first }
        return HostFacts.Memory(
            totalBytes: total << 10, freeHugePages: free ?? 0,
            transparent: mode.map { String($0) } ?? "never")
    }

    private static func interface(_ name: String) -> HostFacts.Interface {
        let entry = "/sys/class/net/\(name)"
        let speed = SystemFiles.number(entry + "/speed").flatMap { $0 > 0 ? $0 : nil }
        return HostFacts.Interface(
            name: name, megabits: speed, mtu: SystemFiles.number(entry + "/mtu") ?? 0,
            numaNode: SystemFiles.numaNode(of: entry + "/device"),
            queues: SystemFiles.names(entry + "/queues").filter { $0.hasPrefix("rx-") }.count,
            isUp: SystemFiles.text(entry + "/operstate") == "up")
    }
}
