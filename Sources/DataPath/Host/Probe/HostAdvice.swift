/// Settings for a host and why, from its facts alone.
public struct HostAdvice: Sendable, Equatable {
    public struct Line: Sendable, Equatable {
        /// A flag of `run`, or a limit of the system.
        public let setting: String
        public let value: String
        public let reason: String
    }

    public private(set) var lines: [Line] = []
    /// What keeps a datanode from running here, each a sentence; none when it is fit.
    public private(set) var problems: [String] = []
    public private(set) var reactors = 1
    public private(set) var budget = Budget()

    /// What one reactor is taken to receive and, but on the tail, forward: a core's worth of TCP
    /// and checksums (docs/OPERATIONS.md, "What to expect"). `catena-load` against
    /// `bench --null-device` tells the host's own figure.
    static let gigabitsPerReactor = 20
    /// The share of memory that buffers may take.
    static let memoryShare: UInt64 = 8

    public init(_ facts: HostFacts) {
        let near = Self.near(facts)
        chooseReactors(facts, near)
        choosePins(facts, near)
        chooseBuffers(facts)
        choosePages(facts)
        chooseLimits(facts)
        judgeDevice(facts)
    }

    private mutating func add(_ setting: String, _ value: String, _ reason: String) {
        lines.append(Line(setting: setting, value: value, reason: reason))
    }

    /// The CPUs near the NIC, or the device, or all; and their node.
    private static func near(_ facts: HostFacts) -> (cpus: [Int], node: Int?, of: String) {
        let places = [
            (facts.fastest?.numaNode, facts.fastest?.name ?? ""),
            (facts.device?.numaNode, facts.device?.name ?? ""),
        ]
        for case (let node?, let name) in places where facts.numaNodes.count > 1 {
            let cpus = (facts.numaNodes[node] ?? []).filter(facts.cpus.contains)
            if !cpus.isEmpty { return (cpus, node, name) }
        }
        return (facts.cpus, nil, "")
    }

    private mutating func chooseReactors(
        _ facts: HostFacts, _ near: (cpus: [Int], node: Int?, of: String)
    ) {
        // A quarter of the CPUs is for interrupts of NIC and device, and the rest of the system.
        let most = max(1, near.cpus.count * 3 / 4)
        guard let nic = facts.fastest, let megabits = nic.megabits, megabits > 0 else {
            reactors = 1
            return add(
                "--reactors", "1", "no interface tells its speed; one reactor is enough for 10 Gb/s"
            )
        }
        let wanted = max(
            1, (megabits / 1000 + Self.gigabitsPerReactor - 1) / Self.gigabitsPerReactor)
        reactors = min(wanted, most)
        let speed = "\(nic.name) has \(megabits / 1000) Gb/s, about \(Self.gigabitsPerReactor) "
        let reason =
            wanted <= most
            ? speed + "for each reactor"
            : speed + "for each, but \(near.cpus.count) CPUs leave room for \(most)"
        add("--reactors", "\(reactors)", reason)
    }

    private mutating func choosePins(
        _ facts: HostFacts, _ near: (cpus: [Int], node: Int?, of: String)
    ) {
        // The first CPU takes what is bound nowhere else.
        let free = near.cpus.sorted().dropFirst()
        if reactors > 1, free.count >= reactors {
            let pin = Array(free.prefix(reactors))
            let place = near.node.map { "on \(near.of)'s NUMA node \($0)" } ?? "one for each"
            add(
                "--pin", CPUList.format(pin),
                "\(place), without the first; keep the NIC's interrupts off these")
        }
        if let node = near.node {
            add("--numa", "auto", "threads and buffers on node \(node), where \(near.of) is")
        }
    }

    private mutating func chooseBuffers(_ facts: HostFacts) {
        let share = facts.memory.totalBytes / Self.memoryShare / UInt64(reactors)
        if facts.memory.totalBytes < 4 << 30 {
            budget.packetBytes = 512 << 10
            add("--packet-bytes", "512KiB", "less than 4 GiB of memory")
        } else {
            add("--packet-bytes", "1MiB", "the fewest operations for each byte")
        }
        let isFast = (facts.fastest?.megabits ?? 0) >= 25_000
        budget.payloadBuffers = isFast ? 256 : 128
        var reason =
            isFast
            ? "about 100 ms of a reactor's share of the NIC, for a device that pauses"
            : "the default, for up to 10 Gb/s"
        while UInt64(budget.regionBytes) > share, budget.payloadBuffers > 32 {
            budget.payloadBuffers /= 2
            reason = "buffers of all reactors within 1/\(Self.memoryShare) of memory"
        }
        add("--payload-buffers", "\(budget.payloadBuffers)", reason)
        if UInt64(budget.regionBytes) > share * Self.memoryShare / 2 {
            problems.append(
                "the smallest buffers (\(budget.regionBytes >> 20) MiB for each reactor) are more "
                    + "than half of memory")
        }
    }

    private mutating func choosePages(_ facts: HostFacts) {
        let pages = reactors * ((budget.regionBytes + (2 << 20) - 1) >> 21)
        if facts.memory.freeHugePages >= pages {
            add("--huge-pages", "true", "\(pages) of the free huge pages hold all buffers")
        } else if facts.memory.totalBytes >= 16 << 30, reactors > 1 {
            add("--huge-pages", "true", "fewer entries for DMA and page tables")
            add(
                "vm.nr_hugepages", "\(pages)",
                "reserve them at boot: \(facts.memory.freeHugePages) are free")
        }
    }

    private mutating func chooseLimits(_ facts: HostFacts) {
        let locked = UInt64(reactors) * UInt64(budget.regionBytes)
        if let limit = facts.limits.lockedBytes, limit < locked {
            add(
                "LimitMEMLOCK", "infinity",
                "\(locked >> 20) MiB of buffers are locked, and the limit is \(limit >> 20) MiB")
            problems.append(
                "locked memory is limited to \(limit >> 20) MiB and \(locked >> 20) MiB are "
                    + "needed: raise memlock (ulimit -l, LimitMEMLOCK)")
        }
        let perRing = budget.connections + budget.writeStreams + budget.readStreams
        // Connections are the process's descriptors when there are several reactors, and those to
        // next nodes always are.
        let files = UInt64(max(perRing, reactors * budget.connections) + 1024)
        if facts.limits.openFiles < files {
            add("LimitNOFILE", "\(files)", "connections and block files of all reactors")
            if facts.limits.openFiles < UInt64(perRing) {
                problems.append(
                    "open files are limited to \(facts.limits.openFiles) and \(perRing) are "
                        + "needed: raise nofile (ulimit -n, LimitNOFILE), or set fewer connections"
                )
            }
        }
    }

    private mutating func judgeDevice(_ facts: HostFacts) {
        guard let device = facts.device else { return }
        if device.freeBytes < 1 << 30 {
            problems.append("less than 1 GiB is free on the device")
        }
        if let name = device.name, device.isRotating {
            add("--dir", "another device", "\(name) is a rotating disk")
        }
        if !device.isDirect {
            add("--dir", "another file system", "this one has no direct I/O: every byte is copied")
        }
    }
}
