import Glibc

/// A hop is this same program started again. Not forked: what a Swift runtime holds at a fork is
/// nobody's in the child.
enum HopProcess {
    /// Where a hop finds its listening socket.
    static let listener: Int32 = 3

    static func spawn(
        _ plan: Plan, index: Int, listener: Socket, next: UInt16?
    ) throws(RoofFailure) -> pid_t {
        let words = [
            "catena-roof", "hop", "--mode", plan.mode.rawValue, "--index", "\(index)",
            "--packet", "\(plan.packet)", "--count", "\(plan.count)", "--depth", "\(plan.depth)",
            "--medium", plan.medium.rawValue, "--dir", plan.directory, "--loop", plan.loop.rawValue,
            "--next", "\(next ?? 0)",
        ]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // The copy has no FD_CLOEXEC, not even when both numbers are the same (posix_spawn.3).
        posix_spawn_file_actions_adddup2(&actions, listener.descriptor, Self.listener)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process: pid_t = 0
        let result = posix_spawn(
            &process, "/proc/self/exe", &actions, nil, &arguments, environ)
        guard result == 0 else { throw RoofFailure("starting a hop", errno: result) }
        return process
    }

    /// The body of a hop's process.
    static func run(_ plan: Plan, index: Int, next: UInt16?) throws(RoofFailure) {
        let downstream: Socket? = if let next { try Socket.connected(to: next) } else { nil }
        let upstream = try Socket(descriptor: listener).accepted()
        let file: Int32? =
            plan.medium == .none ? nil : try plan.medium.open(in: plan.directory, hop: index)
        switch plan.mode {
        case .write:
            var relay = try Relay(plan, upstream: upstream, downstream: downstream, file: file)
            try downstream?.awaitSignal()
            try upstream.signal()
            try relay.run()
            // All of it, on every hop.
            try downstream?.awaitSignal()
            try upstream.signal()
        case .read:
            guard let file else { throw RoofFailure("a read needs a file: --medium direct") }
            var server = try Server(plan, client: upstream, file: file)
            try upstream.signal()
            try server.run()
        case .ping:
            try echo(plan, upstream, downstream, file)
        }
    }

    private static func echo(
        _ plan: Plan, _ upstream: Socket, _ downstream: Socket?, _ file: Int32?
    ) throws(RoofFailure) {
        guard plan.loop == .blocking else {
            var echo = try RingEcho(plan, upstream: upstream, downstream: downstream, file: file)
            try downstream?.awaitSignal()
            try upstream.signal()
            return try echo.run()
        }
        let echo = try Echo(plan, upstream: upstream, downstream: downstream, file: file)
        try downstream?.awaitSignal()
        try upstream.signal()
        try echo.run()
    }
}
