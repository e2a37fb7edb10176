import CURing

/// One hop of the write chain: receives a packet into a slot, then writes it and sends it on from
/// that same slot, both at once.
///
/// Packets go round the slots in order, so packet `n` is in slot `n % depth`, and three counts say
/// where everything is: `finished <= received`, `forwarded <= received`.
struct Relay: ~Copyable {
    private enum Kind: UInt64 { case receive, send, write }

    private static let upstream: Int32 = 0
    private static let downstream: Int32 = 1
    private static let file: Int32 = 2

    private var ring: BareRing
    private let arena: Arena
    private let plan: Plan
    private let forwards: Bool
    private let writes: Bool

    /// Who still needs a slot's bytes: the next hop, the device.
    private var holders: [Int]
    private var received = 0
    private var forwarded = 0
    private var finished = 0
    /// Bytes of the packet that is on its way in, and of the one on its way out.
    private var partIn = 0
    private var partOut = 0
    private var isReceiving = false
    private var isSending = false

    /// `downstream` and `file` are absent at the end of the chain and with no medium.
    init(_ plan: Plan, upstream: Socket, downstream: Socket?, file: Int32?) throws(RoofFailure) {
        let arena = try Arena(packet: plan.packet, slots: plan.depth)
        // A place of the table without a file is -1 (io_uring_register.2).
        ring = try BareRing(
            files: [upstream.descriptor, downstream?.descriptor ?? -1, file ?? -1],
            memory: arena.bytes)
        self.arena = arena
        self.plan = plan
        forwards = downstream != nil
        writes = file != nil
        holders = [Int](repeating: 0, count: plan.depth)
    }

    mutating func run() throws(RoofFailure) {
        while finished < plan.count {
            if !isReceiving, received < plan.count, holders[received % plan.depth] == 0 {
                receive()
            }
            if forwards, !isSending, forwarded < received { send() }
            try ring.submitAndWait()
            for completion in ring.reap() { try handle(completion) }
        }
    }

    private mutating func handle(_ completion: curing_completion) throws(RoofFailure) {
        guard let kind = Kind(rawValue: completion.user_data >> 32) else {
            preconditionFailure("a completion that nobody asked for")
        }
        let count = Int(completion.res)
        guard count > 0 else { throw failure(kind, completion.res) }
        switch kind {
        case .receive:
            isReceiving = false
            partIn += count
            if partIn == plan.packet { place() }
        case .send:
            isSending = false
            partOut += count
            guard partOut == plan.packet else { return }
            partOut = 0
            release(forwarded % plan.depth)
            forwarded += 1
        case .write:
            guard count == plan.packet else { throw RoofFailure("the device wrote a part only") }
            release(Int(completion.user_data & 0xffff_ffff))
        }
    }

    private mutating func receive() {
        let slot = received % plan.depth
        ring.receive(
            Self.upstream, arena.slot(slot) + partIn, plan.packet - partIn, tag: tag(.receive, slot)
        )
        isReceiving = true
    }

    private mutating func send() {
        let slot = forwarded % plan.depth
        ring.send(
            Self.downstream, arena.slot(slot) + partOut, plan.packet - partOut,
            tag: tag(.send, slot))
        isSending = true
    }

    /// The packet is whole: the device gets it now, the next hop when its turn comes.
    private mutating func place() {
        let slot = received % plan.depth
        holders[slot] = (forwards ? 1 : 0) + (writes ? 1 : 0)
        if writes {
            ring.write(
                Self.file, arena.slot(slot), plan.packet, at: received * plan.packet,
                tag: tag(.write, slot))
        }
        if holders[slot] == 0 { finished += 1 }
        received += 1
        partIn = 0
    }

    private mutating func release(_ slot: Int) {
        holders[slot] -= 1
        if holders[slot] == 0 { finished += 1 }
    }

    private func tag(_ kind: Kind, _ slot: Int) -> UInt64 { kind.rawValue << 32 | UInt64(slot) }

    private func failure(_ kind: Kind, _ result: Int32) -> RoofFailure {
        result == 0
            ? RoofFailure("\(kind): nothing more came or went")
            : RoofFailure("\(kind)", errno: -result)
    }
}
