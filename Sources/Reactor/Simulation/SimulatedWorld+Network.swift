import Glibc
import System

/// One way between two nodes.
struct SimulatedLink: Hashable {
    var from: String
    var target: String
}

extension SimulatedWorld {
    // MARK: Commands

    /// Cuts both ways between two nodes. Bytes under way are held, not lost; connections that wait
    /// longer than `userTimeout` end with ETIMEDOUT.
    public func cut(_ one: String, _ other: String) {
        cut(from: one, to: other)
        cut(from: other, to: one)
    }

    /// Cuts one way: `other` hears nothing from `one`, and is heard.
    public func cut(from one: String, to other: String) {
        cuts.insert(SimulatedLink(from: one, target: other))
    }

    /// Ends a cut, both ways; what was held arrives.
    public func heal(_ one: String, _ other: String) {
        cuts.remove(SimulatedLink(from: one, target: other))
        cuts.remove(SimulatedLink(from: other, target: one))
        release()
    }

    /// Whether `other` hears nothing from `one`.
    public func isCut(from one: String, to other: String) -> Bool {
        !cuts.isEmpty && cuts.contains(SimulatedLink(from: one, target: other))
    }

    /// Extra nanoseconds on the way from one node to another.
    public func extraDelay(from one: String, to other: String) -> UInt64 {
        delays[SimulatedLink(from: one, target: other)] ?? 0
    }

    public func healAll() {
        cuts = []
        release()
    }

    /// Lengthens the way from one node to another, by nanoseconds.
    public func delay(from one: String, to other: String, by extra: UInt64) {
        delays[SimulatedLink(from: one, target: other)] = extra
    }

    /// Resets every connection between two nodes, at both ends, now.
    public func reset(_ one: String, _ other: String) {
        for socket in node(one).sockets where socket.peer?.node.name == other {
            socket.peer?.fail(ECONNRESET)
            socket.fail(ECONNRESET)
        }
    }

    // MARK: Links

    func isCut(from one: SimulatedNode, to other: SimulatedNode) -> Bool {
        !cuts.isEmpty && cuts.contains(SimulatedLink(from: one.name, target: other.name))
    }

    func latency(from one: SimulatedNode, to other: SimulatedNode) -> UInt64 {
        let extra = delays[SimulatedLink(from: one.name, target: other.name)] ?? 0
        return settings.linkLatency + extra
    }

    func scheduleTimeout(of socket: SimulatedSocket, since start: UInt64? = nil) {
        let due = max(time + 1, (start ?? time) + settings.userTimeout)
        events.insert(.timeout(socket), events.key(at: due))
    }

    /// Sends out again what was held, where nothing holds it any more.
    func release() {
        for node in nodes {
            for socket in node.sockets where socket.held > 0 {
                guard let peer = socket.peer, !isCut(from: peer.node, to: node) else { continue }
                if socket.hasVanished && node.isDown { continue }
                socket.release()
            }
        }
    }

    // MARK: Listening and connecting

    func listen(
        _ core: SimulatedRingCore, on wanted: SocketAddress, backlog: Int32
    ) throws(RingFailure) -> (Descriptor, SocketAddress) {
        var address = wanted
        if wanted.port == 0 {
            guard let chosen = SocketAddress(host: wanted.host, port: nextPort()) else {
                preconditionFailure("an address with another port is an address")
            }
            address = chosen
        }
        guard listeners[address.text] == nil else {
            throw RingFailure(
                errno: EADDRINUSE,
                "cannot listen on \(wanted.text): another process listens there: "
                    + "choose another port"
            )
        }
        let listener = SimulatedListener(node: core.node, address: address, backlog: backlog)
        guard let number = core.openPlain(listener) else {
            throw RingFailure(errno: EMFILE, "cannot make a socket: \(errorText(EMFILE))")
        }
        listeners[address.text] = listener
        hosts[address.host] = core.node
        return (.plain(number), address)
    }

    func forget(_ listener: SimulatedListener) {
        if listeners[listener.address.text] === listener {
            listeners[listener.address.text] = nil
        }
    }

    func connect(_ operation: SimulatedOperation, _ socket: SimulatedSocket) {
        if operation.injected != 0 {
            operation.ring.settle(operation, -operation.injected)
        } else if socket.isConnected {
            operation.ring.settle(operation, -EISCONN)
        } else if socket.isConnecting {
            operation.ring.settle(operation, -EALREADY)
        } else {
            socket.isConnecting = true
            events.insert(.connect(operation), completionKey(after: settings.linkLatency))
        }
    }

    /// A connect reaches the other side, or nobody, or somebody who refuses.
    func attempt(_ operation: SimulatedOperation) {
        guard operation.phase == .waiting, let socket = operation.object as? SimulatedSocket else {
            return
        }
        let listener = listeners[operation.path]
        let host = operation.path.prefix { $0 != ":" }
        let target = listener?.node ?? hosts[String(host)]
        guard let target else {
            // Every address 127.x.y.z is this machine's; another that nobody has is unreachable.
            answer(operation, socket, host.hasPrefix("127.") ? -ECONNREFUSED : -EHOSTUNREACH)
            return
        }
        let isSilent =
            target.isDown || isCut(from: socket.node, to: target)
            || isCut(from: target, to: socket.node) || listener?.isFull == true
        if isSilent {
            guard time < operation.startedAt + settings.userTimeout else {
                answer(operation, socket, -ETIMEDOUT)
                return
            }
            events.insert(.connect(operation), completionKey(after: settings.connectRetry))
            return
        }
        guard let listener else {
            answer(operation, socket, -ECONNREFUSED)
            return
        }
        let other = SimulatedSocket(node: target, address: listener.address)
        SimulatedSocket.join(socket, other)
        answer(operation, socket, 0)
        listener.arrive(other)
    }

    private func answer(_ operation: SimulatedOperation, _ socket: SimulatedSocket, _ result: Int32)
    {
        socket.isConnecting = false
        operation.ring.settle(operation, result, latency: settings.linkLatency)
    }
}
