import Glibc
import System

/// One end of a simulated connection, or a socket that is not connected yet.
///
/// Each direction is a queue of bytes that neither loses nor reorders anything while the connection
/// lives. `underway` is what the other end has sent and what has not arrived here; a cut link holds
/// it back.
final class SimulatedSocket: SimulatedObject {
    struct Segment {
        enum Kind { case data, end, reset }

        var kind = Kind.data
        var bytes: [UInt8] = []
        /// The zero-copy send that these bytes belong to.
        var send: SimulatedOperation?
    }

    let node: SimulatedNode
    var world: SimulatedWorld { node.world }
    var peer: SimulatedSocket?
    /// This end's address.
    var address: SocketAddress
    var isConnecting = false
    var isConnected = false
    /// The node went down with it: it answers nothing, until the node is up again and answers
    /// resets.
    var hasVanished = false

    private(set) var inbound = ByteQueue()
    private var underway: [Segment] = []
    private var underwayBytes = 0
    /// Segments that arrived at a cut link and wait for its healing.
    private(set) var held = 0
    private var heldSince: UInt64 = 0
    private var lastArrival: EventKey?
    /// Segments that arrived at a full window and wait for a reader.
    private var waitingForRoom = 0

    var receives: [SimulatedOperation] = []
    var sends: [SimulatedOperation] = []
    private var lastReceive: EventKey?
    private var lastSend: EventKey?

    private var hasInboundEnd = false
    private var isReceiveShut = false
    private var isSendShut = false
    /// The connection is over for this end; `pendingError` is told once.
    private var isBroken = false
    private var pendingError: Int32 = 0

    init(node: SimulatedNode, address: SocketAddress) {
        self.node = node
        self.address = address
        super.init()
        node.sockets.append(self)
    }

    // MARK: Receiving

    func receive(_ operation: SimulatedOperation) {
        precondition(
            receives.isEmpty || !world.settings.trapsOverlap,
            "two receives in flight on one socket: a kernel may complete them in any order")
        receives.append(operation)
        pumpReceives()
    }

    private func pumpReceives() {
        while let operation = receives.first, advanceReceive(operation) {
            receives.removeFirst()
            operation.ring.settle(operation, operation.result, after: &lastReceive)
        }
    }

    /// - Returns: whether the operation has its result.
    private func advanceReceive(_ operation: SimulatedOperation) -> Bool {
        guard isConnected else { return end(operation, -ENOTCONN) }
        if operation.injected != 0 { return inject(operation) }
        guard case .receive(_, let memory, _, let waitAll) = operation.request else {
            preconditionFailure("only receives wait for bytes")
        }
        let moved = inbound.read(
            into: memory + operation.moved, count: operation.limit - operation.moved)
        operation.moved += moved
        if moved > 0 {
            openWindow()
            peer?.pumpSends()
        }
        if operation.moved == operation.limit || (operation.moved > 0 && !waitAll) {
            return end(operation, Int32(operation.moved))
        }
        guard isBroken || hasInboundEnd || isReceiveShut else { return false }
        return end(operation, operation.moved > 0 ? Int32(operation.moved) : takeError())
    }

    private func end(_ operation: SimulatedOperation, _ result: Int32) -> Bool {
        operation.result = result
        return true
    }

    /// A drawn errno. Those that say that the connection is gone make it so.
    private func inject(_ operation: SimulatedOperation) -> Bool {
        let number = operation.injected
        if [ECONNRESET, EPIPE, ETIMEDOUT, ECONNABORTED].contains(number), !isBroken {
            sendSegment(Segment(kind: .reset))
            isBroken = true
            isSendShut = true
        }
        return end(operation, -number)
    }

    private func takeError() -> Int32 {
        let error = pendingError
        pendingError = 0
        return -error
    }

    // MARK: Sending

    func send(_ operation: SimulatedOperation) {
        precondition(
            sends.isEmpty || !world.settings.trapsOverlap,
            "two sends in flight on one socket: a kernel may mix their bytes")
        sends.append(operation)
        pumpSends()
    }

    private func pumpSends() {
        while let operation = sends.first, advanceSend(operation) {
            sends.removeFirst()
            operation.ring.settle(operation, operation.result, after: &lastSend)
        }
    }

    private func advanceSend(_ operation: SimulatedOperation) -> Bool {
        guard isConnected else { return end(operation, -ENOTCONN) }
        if operation.injected != 0 { return inject(operation) }
        guard !isBroken, !isSendShut, let peer, let source = operation.source else {
            let error = takeError()
            return end(
                operation,
                operation.moved > 0 ? Int32(operation.moved) : error == 0 ? -EPIPE : error)
        }
        let room = world.settings.socketBytes - peer.inbound.count - peer.underwayBytes
        let count = min(operation.limit - operation.moved, room)
        if count > 0 {
            operation.checkSource()
            let start = operation.moved
            var segment = Segment(bytes: [UInt8](source[start..<start + count]))
            if operation.isZeroCopy {
                segment.send = operation
                operation.outstanding += 1
            }
            operation.moved += count
            sendSegment(segment)
        }
        guard operation.moved == operation.limit else { return false }
        return end(operation, Int32(operation.moved))
    }

    private func sendSegment(_ segment: Segment) {
        guard let peer else { return }
        peer.underway.append(segment)
        peer.underwayBytes += segment.bytes.count
        let latency = world.latency(from: node, to: peer.node)
        peer.scheduleArrival(world.completionKey(after: latency))
    }

    private func scheduleArrival(_ key: EventKey) {
        var key = key
        if let last = lastArrival, key <= last { key = last.successor }
        lastArrival = key
        world.events.insert(.deliver(self), key)
    }

    // MARK: Arriving

    /// The oldest segment under way arrives, unless the link is cut.
    func deliver() {
        guard !underway.isEmpty, let peer else { return }
        let isSilent = hasVanished && node.isDown
        guard held == 0, !isSilent, !world.isCut(from: peer.node, to: node) else {
            if held == 0 {
                heldSince = world.time
                world.scheduleTimeout(of: self)
            }
            held += 1
            return
        }
        guard waitingForRoom == 0,
            inbound.count < world.settings.windowBytes || hasEnded || isBroken
        else {
            waitingForRoom += 1
            return
        }
        defer { part() }
        let segment = underway.removeFirst()
        underwayBytes -= segment.bytes.count
        segment.send?.delivered()
        if hasEnded || isBroken || hasVanished {
            if segment.kind == .data { peer.resetByPeer(through: self) }
            return
        }
        switch segment.kind {
        case .data: inbound.append(segment.bytes)
        case .end: hasInboundEnd = true
        case .reset: fail(ECONNRESET)
        }
        pumpReceives()
    }

    /// The reader made room: what waited for it arrives, one segment after the other.
    private func openWindow() {
        guard waitingForRoom > 0, inbound.count < world.settings.windowBytes else { return }
        let count = waitingForRoom
        waitingForRoom = 0
        for _ in 0..<count { scheduleArrival(world.completionKey(after: 0)) }
    }

    /// The link was healed, or the node is up again: what was held sets out once more.
    func release() {
        let count = held
        held = 0
        guard let peer else { return }
        let latency = world.latency(from: peer.node, to: node)
        for _ in 0..<count { scheduleArrival(world.completionKey(after: latency)) }
    }

    /// Bytes to this end got no answer for too long: the other end gives up.
    func timeOut() {
        guard held > 0 else { return }
        guard world.time >= heldSince + world.settings.userTimeout else {
            world.scheduleTimeout(of: self, since: heldSince)
            return
        }
        peer?.fail(ETIMEDOUT)
    }

    private func resetByPeer(through other: SimulatedSocket) {
        guard !isBroken, !hasEnded else { return }
        other.sendSegment(Segment(kind: .reset))
    }

    /// The connection is over for this end.
    func fail(_ number: Int32) {
        guard !isBroken else { return }
        isBroken = true
        pendingError = number
        dropUnderwayOfPeer()
        pumpReceives()
        pumpSends()
    }

    /// What this end sent and what has not arrived is given up.
    private func dropUnderwayOfPeer() {
        guard let peer else { return }
        let dropped = peer.underway.filter { $0.kind == .data }
        peer.underway.removeAll { $0.kind == .data }
        peer.underwayBytes = 0
        for segment in dropped { segment.send?.delivered() }
    }

    // MARK: Ending

    /// SHUT_RDWR: says the end to the other side and to this side's waiting operations.
    func shutDown(sendingOnly: Bool) -> Int32 {
        guard isConnected, !isBroken else { return -ENOTCONN }
        sendEnd()
        if !sendingOnly { isReceiveShut = true }
        pumpReceives()
        pumpSends()
        return 0
    }

    /// Ends it at once: what this end sent and has not arrived is dropped, and the other end is
    /// told.
    func disconnect() {
        guard isConnected, !isBroken else { return }
        fail(ECONNABORTED)
        sendSegment(Segment(kind: .reset))
    }

    private func sendEnd() {
        guard !isSendShut, !isBroken else { return }
        isSendShut = true
        sendSegment(Segment(kind: .end))
    }

    /// Closed with bytes nobody read, a connection is reset; otherwise it ends in order.
    override func end() {
        guard peer != nil else {
            leaveNode()
            return
        }
        defer { part() }
        let isRead = inbound.isEmpty
        inbound = ByteQueue()
        openWindow()
        guard isConnected, !isBroken, !hasVanished else { return }
        if isRead { sendEnd() } else { sendSegment(Segment(kind: .reset)) }
    }

    /// Ends that are both over, with nothing under way, forget each other.
    private func part() {
        guard let peer, hasEnded, peer.hasEnded, underway.isEmpty, peer.underway.isEmpty else {
            return
        }
        self.peer = nil
        peer.peer = nil
        leaveNode()
        peer.leaveNode()
    }

    private func leaveNode() { node.sockets.removeAll { $0 === self } }

    /// Takes an operation out of its queue before its result is decided.
    func withdraw(_ operation: SimulatedOperation) {
        receives.removeAll { $0 === operation }
        sends.removeAll { $0 === operation }
    }

    /// Ends an operation that was asked to end, in its place among the others.
    func cancel(_ operation: SimulatedOperation) {
        withdraw(operation)
        let result = operation.moved > 0 ? Int32(operation.moved) : -ECANCELED
        if operation.target != nil {
            operation.ring.settle(operation, result, after: &lastReceive)
        } else {
            operation.ring.settle(operation, result, after: &lastSend)
        }
    }

    /// Connects two ends; bytes may flow from now on.
    static func join(_ one: SimulatedSocket, _ other: SimulatedSocket) {
        one.peer = other
        other.peer = one
        one.isConnected = true
        other.isConnected = true
    }
}
