import DataPath
import Reactor
import ToolSupport

/// What `probe` found, as text for people and as JSON.
struct ProbeReport {
    let facts: HostFacts
    let advice: HostAdvice
    let registeredBytes: Int

    var json: String {
        JSONLine([
            ("fit", .bool(advice.problems.isEmpty)),
            ("problems", .array(advice.problems.map { .string($0) })),
            (
                "recommended",
                .array(
                    advice.lines.map { line in
                        .object([
                            ("setting", .string(line.setting)), ("value", .string(line.value)),
                            ("reason", .string(line.reason)),
                        ])
                    })
            ),
            ("kernel", .string(facts.kernel)), ("io_uring", .string("usable")),
            ("registered_bytes", .unsigned(UInt64(registeredBytes))), ("ring", ring),
            ("limits", limits), ("memory", memory), ("cpus", .string(CPUList.format(facts.cpus))),
            (
                "numa_nodes",
                .object(
                    facts.numaNodes.sorted { $0.key < $1.key }.map {
                        ("\($0.key)", .string(CPUList.format($0.value)))
                    })
            ),
            ("interfaces", .array(facts.interfaces.map(Self.interface))),
            ("device", facts.device.map(Self.device) ?? .null),
        ]).text
    }

    private var ring: JSONValue {
        .object([
            ("defer_taskrun", .bool(true)), ("send_zc", .bool(facts.ring.zeroCopySend)),
            ("loopback_copies", facts.ring.loopbackCopies.map { .bool($0) } ?? .null),
            ("buffer_rings", .bool(facts.ring.bufferRings)),
            ("bundles", .bool(facts.ring.bundles)), ("iopoll", .bool(facts.ring.polling)),
            ("napi", .bool(facts.ring.busyPolling)),
            ("fixed_fd_install", .bool(facts.ring.fixedInstall)),
            ("nop_result", .bool(facts.ring.nopResult)),
        ])
    }

    private var limits: JSONValue {
        .object([
            ("locked_bytes", facts.limits.lockedBytes.map { .unsigned($0) } ?? .null),
            ("open_files", .unsigned(facts.limits.openFiles)),
        ])
    }

    private var memory: JSONValue {
        .object([
            ("total_bytes", .unsigned(facts.memory.totalBytes)),
            ("free_huge_pages", .integer(Int64(facts.memory.freeHugePages))),
            ("transparent_huge_pages", .string(facts.memory.transparent)),
        ])
    }

    private static func interface(_ nic: HostFacts.Interface) -> JSONValue {
        .object([
            ("name", .string(nic.name)), ("up", .bool(nic.isUp)),
            ("megabits", nic.megabits.map { .integer(Int64($0)) } ?? .null),
            ("mtu", .integer(Int64(nic.mtu))), ("receive_queues", .integer(Int64(nic.queues))),
            ("numa_node", nic.numaNode.map { .integer(Int64($0)) } ?? .null),
        ])
    }

    private static func device(_ device: DeviceFacts) -> JSONValue {
        .object([
            ("name", device.name.map { .string($0) } ?? .null), ("nvme", .bool(device.isNVMe)),
            ("rotating", .bool(device.isRotating)), ("direct_io", .bool(device.isDirect)),
            ("free_bytes", .unsigned(device.freeBytes)),
            ("numa_node", device.numaNode.map { .integer(Int64($0)) } ?? .null),
            ("queues", .integer(Int64(device.queues))),
            ("requests_per_queue", .integer(Int64(device.requests))),
            ("longest_request_bytes", .integer(Int64(device.longestRequestKiB) << 10)),
            ("poll_queues", .bool(device.hasPollQueues)), ("write_back", .bool(device.isWriteBack)),
            ("fresh_write_bytes_per_second", .number(device.freshWrite.rounded())),
            ("rewrite_bytes_per_second", .number(device.rewrite.rounded())),
            ("read_bytes_per_second", .number(device.read.rounded())),
            ("write_sync_p50_us", .number(device.syncP50)),
            ("write_sync_p99_us", .number(device.syncP99)),
        ])
    }

    // MARK: Text

    var text: String {
        var lines = [
            "kernel      \(facts.kernel); io_uring usable, \(registeredBytes >> 20) MiB locked",
            "io_uring    \(ringWords.joined(separator: ", "))",
            "cpus        \(CPUList.format(facts.cpus)); NUMA: \(numaWords)",
            "memory      \(ByteSize.format(facts.memory.totalBytes)); "
                + "\(facts.memory.freeHugePages) huge pages free, transparent ones "
                + "\(facts.memory.transparent)",
            "limits      locked memory "
                + (facts.limits.lockedBytes.map { ByteSize.format($0) } ?? "unlimited")
                + ", open files \(facts.limits.openFiles)",
        ]
        lines += facts.interfaces.map { "network     \(Self.words(of: $0))" }
        if let device = facts.device { lines += Self.words(of: device) }
        lines.append("")
        lines.append("recommended for catena-datanode run:")
        let width = advice.lines.map { $0.setting.count + $0.value.count }.max() ?? 0
        for line in advice.lines {
            let setting = "\(line.setting) \(line.value)"
            let space = String(repeating: " ", count: width + 3 - setting.count)
            lines.append("  \(setting)\(space)\(line.reason)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var ringWords: [String] {
        let zeroCopy =
            switch facts.ring.loopbackCopies {
            case true?: "yes (copies on loopback)"
            case false?: "yes (also on loopback)"
            case nil: facts.ring.zeroCopySend ? "yes" : "no"
            }
        func word(_ has: Bool) -> String { has ? "yes" : "no" }
        return [
            "zero-copy send \(zeroCopy)", "buffer rings \(word(facts.ring.bufferRings))",
            "bundles \(word(facts.ring.bundles))", "IOPOLL \(word(facts.ring.polling))",
            "NAPI \(word(facts.ring.busyPolling))",
            "fixed-file install \(word(facts.ring.fixedInstall))",
            "NOP results \(word(facts.ring.nopResult))",
        ]
    }

    private var numaWords: String {
        facts.numaNodes.isEmpty
            ? "none"
            : facts.numaNodes.sorted { $0.key < $1.key }
                .map { "node \($0.key) has \(CPUList.format($0.value))" }.joined(separator: ", ")
    }

    private static func words(of nic: HostFacts.Interface) -> String {
        var words = [
            nic.name, nic.isUp ? "up" : "down",
            nic.megabits.map { "\($0) Mb/s" } ?? "speed not told", "MTU \(nic.mtu)",
            "\(nic.queues) receive queues",
        ]
        if let node = nic.numaNode { words.append("NUMA node \(node)") }
        return words.joined(separator: ", ")
    }

    private static func words(of device: DeviceFacts) -> [String] {
        func rate(_ bytes: Double) -> String { "\((bytes / 10_000_000).rounded() / 100) GB/s" }
        var what = [
            device.name ?? "no block device",
            device.isNVMe ? "NVMe" : device.isRotating ? "rotating" : "not NVMe",
            device.isDirect ? "direct I/O" : "no direct I/O",
            "\(ByteSize.format(device.freeBytes)) free",
        ]
        if device.queues > 0 {
            what.append(
                "\(device.queues) queues of \(device.requests), requests up to "
                    + "\(device.longestRequestKiB) KiB")
        }
        if device.hasPollQueues { what.append("poll queues") }
        if let node = device.numaNode { what.append("NUMA node \(node)") }
        return [
            "device      \(what.joined(separator: ", "))",
            "throughput  new file \(rate(device.freshWrite)), over old bytes "
                + "\(rate(device.rewrite)), read \(rate(device.read)) (512 KiB, 8 in flight)",
            "sync        4 KiB write and fdatasync: p50 \(Int(device.syncP50)) us, "
                + "p99 \(Int(device.syncP99)) us",
        ]
    }
}
