import ControlClient
import Reactor
import Wire

/// One put, from CREATE to CLOSE, on the calling thread.
///
/// Blocks are filled one after another, each in one `StreamEngine` write; the next one begins when
/// the one before has all its bytes and while the chain still seals it, so that the stream of bytes
/// never waits for a seal.
struct PutSession: ~Copyable {
    var engine: StreamEngine<KernelRing>
    let namespace: NamespaceClient
    let key: String
    let source: PutSource
    let options: PutOptions

    /// Blocks that are filled or sealed, in order; at most `mostWriting`.
    var writing: [PutBlock] = []
    /// Every block that was begun, in order, and its receipt once it is sealed.
    var sealed: [(plan: BlockPlan, receipt: SignedReceipt)?] = []
    private var sealedBytes: UInt64 = 0
    /// Blocks that a CLOSE has listed.
    private var listed = 0
    /// As the namenode gave them with the lease; one of an older version does not say.
    var bounds: ValueBounds?
    /// Blocks that were planned ahead.
    var planned: [BlockPlan] = []
    /// How many the next ADDBLOCK is asked for: as many as a plan's life needs.
    var planCount = PutSession.mostPlanned
    /// When, on the engine's clock.
    var plannedAt: UInt64 = 0
    /// Bytes of the source that blocks have taken, or will take.
    var taken: UInt64 = 0
    var isSourceEnded = false
    /// The first bytes of the next block, of a source of unknown length.
    var peeked: (slot: Int32, count: Int)?
    var isPeeking = false
    var planning = PlanRetry()
    var patience: Patience
    var silent = SilentNodes()
    private var shown: UInt64 = 0

    static let mostWriting = 2
    /// Blocks that one CLOSE lists, of the ten thousand or so that its 1 MiB has room for.
    static let mostListed = 1_000
    /// Blocks that one ADDBLOCK is asked for.
    static let mostPlanned = 16
    /// Plans are used for so long, nanoseconds: a fifth of a token's life.
    static let planLife: UInt64 = 120_000_000_000

    init(
        engine: consuming StreamEngine<KernelRing>, namespace: NamespaceClient, key: String,
        source: PutSource, options: PutOptions, patience: Patience
    ) {
        self.engine = engine
        self.namespace = namespace
        self.key = key
        self.source = source
        self.options = options
        self.patience = patience
    }

    mutating func run(_ progress: (UInt64) -> Void) throws(ClientError) -> PutSummary {
        let lease = try namespace.create(
            key, overwrite: options.overwrite, length: source.expected ?? 0)
        bounds = lease.bounds
        options.leaseTaken?(lease)
        var keeper = LeaseKeeper(lease, namespace)
        do throws(ClientError) {
            try putBlocks(&keeper, progress)
            try source.check(read: taken)
            engine.shutDown()
            try namespace.close(
                keeper.lease, blocks: receipts, durability: options.durability)
        } catch {
            engine.shutDown()
            abandon(keeper.lease, after: error)
            throw error
        }
        return summary
    }

    /// Of the blocks that no CLOSE has listed yet; all are sealed.
    private var receipts: [SignedReceipt] {
        sealed[listed...].map { block in
            guard let block else { preconditionFailure("every block that was begun is sealed") }
            return block.receipt
        }
    }

    /// Lists many blocks before the last CLOSE, which has room for so many. A namenode that gave no
    /// bounds would take the first part for the whole.
    private mutating func listIfMany(_ lease: Lease) throws(ClientError) {
        guard bounds != nil else { return }
        let ready = sealed[listed...].prefix { $0 != nil }.compactMap { $0?.receipt }
        guard ready.count >= Self.mostListed else { return }
        try namespace.close(lease, blocks: ready, durability: options.durability, more: true)
        listed += ready.count
    }

    private var summary: PutSummary {
        var sum = PieceSum()
        var blocks: [(block: BlockID, length: UInt64, chain: [ChainNode])] = []
        for case let block? in sealed {
            let receipt = block.receipt.receipt
            sum.append(receipt.checksum, length: receipt.length)
            blocks.append(
                (block.plan.block, receipt.length, block.plan.credentials.chain.nodes))
        }
        return PutSummary(length: sum.length, checksum: sum.checksum, blocks: blocks)
    }

    /// Gives the lease back, so that the key is free at once and not when the lease ends.
    private func abandon(_ lease: Lease, after failure: ClientError) {
        if case .leaseExpired = failure { return }
        do throws(ClientError) {
            try namespace.abandon(lease)
        } catch {
            // The first error stays the one to be thrown.
            options.leaseKept?(lease, error)
        }
    }

    private mutating func putBlocks(
        _ keeper: inout LeaseKeeper, _ progress: (UInt64) -> Void
    ) throws(ClientError) {
        while true {
            try beginNext(&keeper)
            guard isPeeking || peeked != nil || !writing.isEmpty || !isExhausted else { return }
            guard let event = try next(&keeper) else { continue }
            try take(event, &keeper)
            show(progress)
        }
    }

    /// No block will begin any more.
    var isExhausted: Bool {
        if isSourceEnded { return true }
        if let length = source.length { return taken >= length }
        // One byte more than was promised proves that the promise is broken.
        return source.promised.map { taken > $0 } ?? false
    }

    /// Bytes that every node of their chains has written.
    private mutating func show(_ progress: (UInt64) -> Void) {
        var written = sealedBytes
        for block in writing { written += block.written }
        guard written > shown else { return }
        shown = written
        progress(written)
    }

    /// The next event, or `nil` when something else happened, a slot that came free, say; renews
    /// the lease while it waits.
    private mutating func next(_ keeper: inout LeaseKeeper) throws(ClientError) -> StreamEvent? {
        if let event = engine.nextEvent() { return event }
        try keeper.renewIfDue()
        engine.turn(waitUntil: keeper.renewAt)
        return engine.nextEvent()
    }

    private mutating func take(
        _ event: StreamEvent, _ keeper: inout LeaseKeeper
    ) throws(ClientError) {
        switch event {
        case .filled(let id, let length, let isEnded):
            guard let place = place(of: id) else { return }
            writing[place].isFilled = true
            if source.length == nil { taken = writing[place].start + length }
            isSourceEnded = isSourceEnded || isEnded
        case .progress(let id, let acked):
            guard let place = place(of: id) else { return }
            if writing[place].retry.progressed(acked) { patience.progressed() }
            writing[place].written = max(writing[place].written, acked[.written])
        case .sealed(let id, let seal):
            guard let place = place(of: id) else { return }
            let block = writing.remove(at: place)
            sealed[block.order] = (block.plan, seal.receipt)
            sealedBytes += seal.receipt.receipt.length
            patience.progressed()
            try listIfMany(keeper.lease)
        case .writeFailed(let id, let failure):
            guard let place = place(of: id) else { return }
            try failed(place, failure, &keeper)
        case .peeked(let slot, let count):
            isPeeking = false
            if count > 0 { peeked = (slot, count) } else { isSourceEnded = true }
        case .peekFailed(let number): throw .sourceFailed(reason: errorText(number))
        default: break
        }
    }

    private func place(of id: WriteID) -> Int? { writing.firstIndex { $0.write == id } }
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
