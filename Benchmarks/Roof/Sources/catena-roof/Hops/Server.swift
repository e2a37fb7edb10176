import CURing

/// The one hop of a read: the device fills slots ahead of the socket, which takes them in order.
///
/// Packet `n` is in slot `n % depth`; `sent <= asked <= sent + depth`.
struct Server: ~Copyable {
    private enum Kind: UInt64 { case read, send }

    private static let file: Int32 = 0
    private static let client: Int32 = 1

    private var ring: BareRing
    private let arena: Arena
    private let plan: Plan

    private var isFilled: [Bool]
    private var asked = 0
    private var sent = 0
    /// Bytes of the packet that is on its way out.
    private var partOut = 0
    private var isSending = false

    init(_ plan: Plan, client: Socket, file: Int32) throws(RoofFailure) {
        let arena = try Arena(packet: plan.packet, slots: plan.depth)
        ring = try BareRing(files: [file, client.descriptor], memory: arena.bytes)
        self.arena = arena
        self.plan = plan
        isFilled = [Bool](repeating: false, count: plan.depth)
    }

    mutating func run() throws(RoofFailure) {
        while sent < plan.count {
            while asked < plan.count, asked < sent + plan.depth { read() }
            if !isSending, isFilled[sent % plan.depth] { send() }
            try ring.submitAndWait()
            for completion in ring.reap() { try handle(completion) }
        }
    }

    private mutating func handle(_ completion: curing_completion) throws(RoofFailure) {
        guard let kind = Kind(rawValue: completion.user_data >> 32) else {
            preconditionFailure("a completion that nobody asked for")
        }
        guard completion.res >= 0 else { throw RoofFailure("\(kind)", errno: -completion.res) }
        let count = Int(completion.res)
        switch kind {
        case .read:
            guard count == plan.packet else {
                throw RoofFailure(
                    "the file is shorter than what is to be read: run `catena-roof write` with "
                        + "the same --dir and --mib first")
            }
            isFilled[Int(completion.user_data & 0xffff_ffff)] = true
        case .send:
            isSending = false
            partOut += count
            guard partOut == plan.packet else { return }
            partOut = 0
            isFilled[sent % plan.depth] = false
            sent += 1
        }
    }

    private mutating func read() {
        let slot = asked % plan.depth
        ring.read(
            Self.file, arena.slot(slot), plan.packet, at: asked * plan.packet,
            tag: tag(.read, slot))
        asked += 1
    }

    private mutating func send() {
        let slot = sent % plan.depth
        ring.send(
            Self.client, arena.slot(slot) + partOut, plan.packet - partOut, tag: tag(.send, slot))
        isSending = true
    }

    private func tag(_ kind: Kind, _ slot: Int) -> UInt64 { kind.rawValue << 32 | UInt64(slot) }
}
