import ControlClient
import Reactor
import Wire

/// One put, from CREATE to CLOSE, on the calling thread: blocks one after another, each in one
/// `StreamEngine` write.
struct PutSession: ~Copyable {
    private var engine: StreamEngine<KernelRing>
    private let namespace: NamespaceClient
    private let key: String
    private let source: PutSource
    private let options: PutOptions

    /// Blocks that are sealed, in order.
    private var blocks: [Sealed] = []
    private var sum = PieceSum()
    /// Nodes that failed while this value was written. The namenode needs seconds to notice what a
    /// writer sees at once.
    private var failedNodes: [NodeID] = []
    /// More are not remembered.
    private static let mostFailedNodes = 16
    /// Bytes of the value that are in sealed blocks.
    private var position: UInt64 { sum.length }

    private struct Sealed {
        let plan: BlockPlan
        let receipt: SignedReceipt
    }

    init(
        engine: consuming StreamEngine<KernelRing>, namespace: NamespaceClient, key: String,
        source: PutSource, options: PutOptions
    ) {
        self.engine = engine
        self.namespace = namespace
        self.key = key
        self.source = source
        self.options = options
    }

    mutating func run(_ progress: (UInt64) -> Void) throws(ClientError) -> PutSummary {
        let lease = try namespace.create(key, overwrite: options.overwrite)
        options.leaseTaken?(lease)
        var keeper = LeaseKeeper(lease, namespace)
        do throws(ClientError) {
            try putBlocks(&keeper, progress)
            try source.check(read: position)
            engine.shutDown()
            try namespace.close(
                keeper.lease, blocks: blocks.map(\.receipt), durability: options.durability)
        } catch {
            engine.shutDown()
            abandon(keeper.lease, after: error)
            throw error
        }
        return PutSummary(
            length: position, checksum: sum.checksum,
            blocks: blocks.map {
                ($0.plan.block, $0.receipt.receipt.length, $0.plan.credentials.chain.nodes)
            })
    }

    /// Gives the lease back, so that the key is free at once and not when the lease ends.
    private func abandon(_ lease: Lease, after error: ClientError) {
        if case .leaseExpired = error { return }
        do throws(ClientError) {
            try namespace.abandon(lease)
        } catch {
            // The lease then ends by itself, and the first error is the one to be told.
            return
        }
    }

    private mutating func putBlocks(
        _ keeper: inout LeaseKeeper, _ progress: (UInt64) -> Void
    ) throws(ClientError) {
        while true {
            var peeked: (slot: Int32, count: Int)?
            if let length = source.length {
                guard position < length else { return }
            } else {
                peeked = try peek(&keeper)
                guard peeked != nil else { return }
            }
            let isSourceEnded = try putBlock(&keeper, peeked, progress)
            if let promised = source.promised, position > promised { return }
            if isSourceEnded { return }
        }
    }

    /// The first bytes of the next block of a source of unknown length, or `nil` at its end.
    private mutating func peek(
        _ keeper: inout LeaseKeeper
    ) throws(ClientError) -> (slot: Int32, count: Int)? {
        engine.peek(source.descriptor)
        while true {
            switch try next(&keeper) {
            case .peeked(let slot, let count): return count > 0 ? (slot, count) : nil
            case .peekFailed(let number): throw .sourceFailed(reason: errorText(number))
            default: break
            }
        }
    }

    /// The next event; renews the lease while it waits.
    private mutating func next(_ keeper: inout LeaseKeeper) throws(ClientError) -> StreamEvent {
        while true {
            if let event = engine.nextEvent() { return event }
            try keeper.renewIfDue()
            engine.turn(waitUntil: keeper.renewAt)
        }
    }

    // MARK: One block

    /// - Returns: whether the source had no more bytes.
    private mutating func putBlock(
        _ keeper: inout LeaseKeeper, _ peeked: (slot: Int32, count: Int)?,
        _ progress: (UInt64) -> Void
    ) throws(ClientError) -> Bool {
        var retry = WriteRetry(excluded: failedNodes)
        var plan = try addBlock(&keeper, excluding: failedNodes)
        var write = try begin(plan, peeked)
        var shown = position
        while true {
            switch try next(&keeper) {
            case .progress(_, let acked):
                retry.progressed()
                shown = max(shown, position + acked[.written])
                progress(shown)
            case .sealed(_, let seal):
                sum.append(seal.receipt.receipt.checksum, length: seal.receipt.receipt.length)
                blocks.append(Sealed(plan: plan, receipt: seal.receipt))
                progress(position)
                return seal.isSourceEnded
            case .writeFailed(_, let failure):
                let canMove = source.start != nil || engine.canMove(write)
                let head = plan.credentials.chain.nodes[0].node
                switch retry.failed(failure, head: head, canMove: canMove) {
                case .resume:
                    try pause(retry.resumed, &keeper)
                    try connecting { engine in engine.resume(write) ? true : nil }
                case .newBlock:
                    failedNodes = retry.excluded.suffix(Self.mostFailedNodes)
                    plan = try addBlock(&keeper, excluding: failedNodes)
                    write = try move(write, to: plan)
                case .giveUp: throw error(failure, plan)
                }
            default: break
            }
        }
    }

    private mutating func addBlock(
        _ keeper: inout LeaseKeeper, excluding nodes: [NodeID]
    ) throws(ClientError) -> BlockPlan {
        let hint = source.length.map { $0 - position } ?? 0
        do throws(ClientError) {
            return try namespace.addBlock(
                keeper.lease, sizeHint: hint, exclude: nodes, replicas: options.replicas,
                location: options.location)
        } catch {
            guard !nodes.isEmpty else { throw error }
            switch error {
            case .tooFewNodes, .noSpace:
                // There is no chain without them: they get a moment to come back, and the namenode
                // one to notice that they are gone.
                try pause(Self.longPause, &keeper)
                return try namespace.addBlock(
                    keeper.lease, sizeHint: hint, replicas: options.replicas,
                    location: options.location)
            default: throw error
            }
        }
    }

    private mutating func begin(
        _ plan: BlockPlan, _ peeked: (slot: Int32, count: Int)?
    ) throws(ClientError) -> WriteID {
        let most = min(plan.maxLength, options.blockBytes ?? .max)
        guard most >= UInt64(peeked?.count ?? 1) else {
            throw .malformed(reason: "a block of at most \(most) bytes")
        }
        var request = WriteRequest(
            block: plan.block, epoch: plan.epoch, credentials: plan.credentials.encoded(),
            address: try address(of: plan), maxBytes: most)
        request.length = source.length.map { min(most, $0 - position) }
        request.source = WriteSource(
            descriptor: source.descriptor, position: source.start.map { $0 + position })
        request.peeked = peeked
        request.level = options.durability == .durable ? .durable : .written
        request.flushEvery = options.flushEvery
        let wanted = request
        return try connecting { engine in engine.write(wanted) }
    }

    /// Sends the same bytes to another chain: those in memory when all are there, or read again.
    private mutating func move(
        _ write: WriteID, to plan: BlockPlan
    ) throws(ClientError) -> WriteID {
        guard engine.canMove(write) else {
            engine.end(write)
            return try begin(plan, nil)
        }
        let address = try address(of: plan)
        let credentials = plan.credentials.encoded()
        try connecting { engine in
            engine.move(
                write, block: plan.block, epoch: plan.epoch, credentials: credentials,
                address: address) ? true : nil
        }
        return write
    }

    private func address(of plan: BlockPlan) throws(ClientError) -> SocketAddress {
        let head = plan.credentials.chain.nodes[0]
        guard let address = SocketAddress(resolving: head) else {
            throw .unwritable(
                key: key, block: plan.block, node: head.node, status: .nextHopUnreachable,
                reason: "\(head.host) has no address")
        }
        return address
    }

    /// At the bound of connections an old one is being closed: its place is free a few turns later.
    @discardableResult
    private mutating func connecting<Value>(
        _ body: (inout StreamEngine<KernelRing>) -> Value?
    ) throws(ClientError) -> Value {
        for _ in 0..<1_000 {
            if let value = body(&engine) { return value }
            engine.turn(waitUntil: engine.now + 10_000_000)
        }
        throw .busy(reason: "this process has no connection left")
    }

    /// For `pause`: 1.6 s.
    private static let longPause = 5

    /// 100 ms, then 200, then 400, with the ring and the lease kept going.
    private mutating func pause(
        _ count: Int, _ keeper: inout LeaseKeeper
    ) throws(ClientError) {
        let end = engine.now + 50_000_000 << UInt64(min(count, 5))
        while engine.now < end {
            try keeper.renewIfDue()
            engine.turn(waitUntil: min(end, keeper.renewAt))
        }
    }

    private func error(_ failure: StreamFailure, _ plan: BlockPlan) -> ClientError {
        switch failure {
        case .source(let number): return .sourceFailed(reason: errorText(number))
        case .sourceEnded(let bytes):
            return .sourceLength(expected: source.length ?? 0, found: position + bytes)
        default:
            let head = plan.credentials.chain.nodes[0].node
            return .unwritable(
                key: key, block: plan.block, node: failure.blamed ?? head,
                status: failure.status, reason: failure.sentence)
        }
    }
}

extension StreamEngine where Ring: ~Copyable {
    /// How long an engine may take to let go of its last operations, nanoseconds.
    private static var patience: UInt64 { 2_000_000_000 }

    /// Ends everything and waits until the kernel has let go of every buffer.
    mutating func shutDown() {
        stop()
        let end = now + Self.patience
        while !isIdle, now < end { turn(waitUntil: end) }
    }
}
