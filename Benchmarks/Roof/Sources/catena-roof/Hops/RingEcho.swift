import CURing

/// One hop of the ping chain as an event loop, the way a server of many connections must be one:
/// the same steps as `Echo`, each an operation of one ring. What it takes longer than `Echo` is the
/// price of waiting for whatever comes next instead of for one thing.
struct RingEcho: ~Copyable {
    private enum Kind: UInt64 { case receive, send, write, hear, answer }

    private static let upstream: Int32 = 0
    private static let downstream: Int32 = 1
    private static let file: Int32 = 2
    /// A frame header of Catena's: `frames` learns from it how much follows, and only then takes
    /// that.
    private static let headerBytes = 128

    private var ring: BareRing
    private let arena: Arena
    private let plan: Plan
    private let forwards: Bool
    private let writes: Bool

    private var received = 0
    /// Operations of the packet in hand that are not done.
    private var open = 0
    private var isAnswering = false

    init(_ plan: Plan, upstream: Socket, downstream: Socket?, file: Int32?) throws(RoofFailure) {
        // The second slot has the byte that is heard, and the one that is said.
        let arena = try Arena(packet: plan.packet, slots: 2)
        ring = try BareRing(
            files: [upstream.descriptor, downstream?.descriptor ?? -1, file ?? -1],
            memory: arena.bytes)
        self.arena = arena
        self.plan = plan
        forwards = downstream != nil
        writes = file != nil
    }

    mutating func run() throws(RoofFailure) {
        for index in 0..<plan.count {
            received = 0
            receive()
            while received < plan.packet { try turn() }
            if forwards {
                ring.send(Self.downstream, arena.slot(0), plan.packet, tag: Kind.send.rawValue)
                ring.receive(Self.downstream, arena.slot(1), 1, tag: Kind.hear.rawValue)
                open += 2
            }
            if writes {
                ring.write(
                    Self.file, arena.slot(0), plan.packet,
                    at: index % Echo.places * plan.packet, tag: Kind.write.rawValue)
                open += 1
            }
            while open > 0 { try turn() }
            ring.send(Self.upstream, arena.slot(1) + 1, 1, tag: Kind.answer.rawValue)
            isAnswering = true
        }
        while isAnswering { try turn() }
    }

    private mutating func receive() {
        let isHeader = plan.loop == .frames && received < Self.headerBytes
        let end = isHeader ? Self.headerBytes : plan.packet
        ring.receive(
            Self.upstream, arena.slot(0) + received, end - received, tag: Kind.receive.rawValue)
    }

    private mutating func turn() throws(RoofFailure) {
        try ring.submitAndWait()
        for completion in ring.reap() { try handle(completion) }
    }

    private mutating func handle(_ completion: curing_completion) throws(RoofFailure) {
        guard let kind = Kind(rawValue: completion.user_data) else {
            preconditionFailure("a completion that nobody asked for")
        }
        let count = Int(completion.res)
        guard count > 0 else { throw RoofFailure("\(kind)", errno: -completion.res) }
        switch kind {
        case .receive:
            received += count
            if received < plan.packet { receive() }
        case .answer: isAnswering = false
        case .send, .write:
            guard count == plan.packet else { throw RoofFailure("\(kind): a part only") }
            open -= 1
        case .hear: open -= 1
        }
    }
}
