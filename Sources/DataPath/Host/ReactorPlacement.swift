/// Which CPUs each reactor may run on. A reactor touches its buffers first, so its memory follows
/// its CPUs' NUMA node.
struct ReactorPlacement: Equatable {
    /// What the host has.
    struct Host: Equatable {
        /// CPUs this process may use.
        var allowed: [Int]
        /// CPUs by NUMA node.
        var nodes: [Int: [Int]]
        /// Where the NIC is, or the device; `nil` when neither says.
        var nearest: Int?
    }

    /// For each reactor; empty: any.
    let cpus: [[Int]]
    let node: Int?

    init(_ settings: HostSettings, on host: Host) throws(StartFailure) {
        let node = try Self.node(settings.numa, host)
        self.node = node
        let near = node.flatMap { host.nodes[$0] }.map { Set($0).intersection(host.allowed) }
        if let node, let near, near.isEmpty {
            throw Self.failure(
                "this process may use no CPU of NUMA node \(node): choose another --numa")
        }
        guard !settings.pin.isEmpty else {
            cpus = Array(repeating: near?.sorted() ?? [], count: settings.reactors)
            return
        }
        guard settings.pin.count == settings.reactors else {
            throw Self.failure(
                "--pin names \(settings.pin.count) CPUs for \(settings.reactors) reactors: name "
                    + "one for each")
        }
        for cpu in settings.pin where !host.allowed.contains(cpu) {
            throw Self.failure(
                "--pin: CPU \(cpu) is not one that this process may use "
                    + "(\(CPUList.format(host.allowed)))")
        }
        // With `auto` the pinned CPUs decide; a node that was named must hold them.
        if case .node = settings.numa, let node, let near {
            for cpu in settings.pin where !near.contains(cpu) {
                throw Self.failure(
                    "--pin: CPU \(cpu) is not on NUMA node \(node) "
                        + "(\(CPUList.format(near.sorted())))")
            }
        }
        cpus = settings.pin.map { [$0] }
    }

    private static func node(
        _ wanted: HostSettings.NUMA, _ host: Host
    ) throws(StartFailure) -> Int? {
        switch wanted {
        case .anywhere: return nil
        case .auto: return host.nearest.flatMap { host.nodes[$0] == nil ? nil : $0 }
        case .node(let number):
            guard host.nodes[number] != nil else {
                let known = CPUList.format(host.nodes.keys.sorted())
                throw failure("--numa \(number): this host's NUMA nodes are \(known)")
            }
            return number
        }
    }

    private static func failure(_ sentence: String) -> StartFailure {
        StartFailure(.configuration, sentence)
    }
}
