import Glibc
import Reactor
import System
import Wire

/// One get on the calling thread: OPEN, then blocks one after another, each in one `StreamEngine`
/// read that goes from replica to replica.
struct GetSession: ~Copyable {
    private var engine: StreamEngine<KernelRing>
    private let namespace: NamespaceClient
    private let key: String
    private let sink: ReadSink
    private let options: GetOptions
    private var patience: Patience
    /// Of the block that is read.
    private var choice = ReplicaChoice([])
    private var silent = SilentNodes()

    private var sum = PieceSum()
    private var tried = 0
    private var faults: [ReplicaFault] = []
    /// Copies with a bad chunk, of which the namenode is to hear.
    private var bad: [(block: BlockID, epoch: Epoch, node: NodeID)] = []
    /// Of the whole value, as the first OPEN said.
    private var valueLength: UInt64 = 0
    /// The value that the first OPEN named.
    private var openedValue: UInt64?

    init(
        engine: consuming StreamEngine<KernelRing>, namespace: NamespaceClient, key: String,
        sink: ReadSink, options: GetOptions, patience: Patience
    ) {
        self.engine = engine
        self.namespace = namespace
        self.key = key
        self.sink = sink
        self.options = options
        self.patience = patience
    }

    mutating func run(_ progress: (UInt64) -> Void) throws(ClientError) -> GetSummary {
        do throws(ClientError) {
            try readAll(progress)
        } catch {
            engine.shutDown()
            silent.tell(namespace)
            reportBad()
            throw error
        }
        engine.shutDown()
        reportBad()
        return GetSummary(
            length: sum.length, checksum: sum.checksum, replicasTried: tried, faults: faults)
    }

    /// Tells the namenode of bad copies, once the value is read or given up: a reader's word costs
    /// its reading no time. Who cannot be told is told by the node's own scrub; the first failure
    /// ends it.
    private mutating func reportBad() {
        for copy in bad {
            do throws(ClientError) {
                try namespace.reportBad(copy.block, copy.epoch, on: copy.node)
            } catch {
                faults.append(
                    ReplicaFault(
                        node: copy.node, block: copy.block, isCorrupt: true,
                        reason: "the namenode could not be told: \(error)"))
                return
            }
        }
    }

    private mutating func readAll(_ progress: (UInt64) -> Void) throws(ClientError) {
        let first = try open(at: options.offset)
        valueLength = first.length
        let (sumOfBoth, overflow) = options.offset.addingReportingOverflow(options.length)
        guard options.offset <= valueLength, !overflow, sumOfBoth <= valueLength else {
            throw .badRange(
                key: key, offset: options.offset, length: options.length, valueLength: valueLength)
        }
        let end = options.length == 0 ? valueLength : sumOfBoth
        var blocks = first.blocks[...]
        while options.offset + sum.length < end {
            let position = options.offset + sum.length
            if blocks.isEmpty {
                // A long value's blocks do not fit one answer.
                blocks = try open(at: position).blocks[...]
            }
            guard let block = blocks.popFirst(), block.offset <= position,
                position < block.offset + block.length
            else { throw .malformed(reason: "no block holds byte \(position)") }
            let stop = min(end, block.offset + block.length)
            try readBlock(block, position - block.offset..<stop - block.offset, progress)
            silent.tell(namespace)
        }
        progress(sum.length)
    }

    /// - Parameter offset: in the value, at or behind the range's.
    private mutating func open(at offset: UInt64) throws(ClientError) -> OpenValue {
        let length = options.length == 0 ? 0 : options.length - (offset - options.offset)
        let value = try namespace.open(
            key, location: options.location, offset: offset, length: length)
        // What is read so far belongs to one value; the rest must too.
        guard openedValue == nil || openedValue == value.value else { throw replaced(BlockID(0)) }
        openedValue = value.value
        return value
    }

    private func replaced(_ block: BlockID) -> ClientError {
        .unreadable(
            key: key, block: block, replicas: 0, reason: "the key was replaced while it was read")
    }

    // MARK: One block

    private mutating func readBlock(
        _ wanted: ValueBlock, _ range: Range<UInt64>, _ progress: (UInt64) -> Void
    ) throws(ClientError) {
        var block = wanted
        choice = ReplicaChoice(block, slow: silent.nodes)
        var step = choice.first()
        var read: ReadID?
        while true {
            switch step {
            case .exhausted:
                // Deleted meanwhile, or replaced: then the namenode's answer says so.
                if choice.faults.contains(where: { $0.failure.status == .notFound }) {
                    _ = try open(at: max(block.offset, options.offset))
                }
                throw exhausted(block)
            case .refetch:
                block = try refetch(block)
                choice.replace(block)
                step = choice.again()
            case .reopen:
                wait(choice.pause)
                block = try refetch(block)
                step = choice.reopen(block, isOver: patience.isOver(at: engine.now))
            case .ask(let place):
                wait(choice.pause)
                guard let address = SocketAddress(resolving: block.replicas[place].node),
                    let opening = block.opening(at: place)
                else {
                    step = failed(.unreachable(EHOSTUNREACH))
                    continue
                }
                let id = try ask(read, address, opening, block, range)
                read = id
                switch try follow(id, block, progress) {
                case .success(let checksum):
                    tried += choice.asked
                    return sum.append(checksum, length: UInt64(range.count))
                case .failure(.sink(EPIPE)): throw .sinkClosed
                case .failure(.sink(let number)):
                    throw .sinkFailed(reason: errorText(number))
                case .failure(.passedOn): throw .corruptOutput(key: key, block: block.block)
                case .failure(let failure):
                    note(failure, choice.node ?? block.replicas[place].node.node, block)
                    step = failed(failure)
                }
            }
        }
    }

    private mutating func failed(_ failure: StreamFailure) -> ReplicaChoice.Step {
        if let asked = choice.node, let node = failure.silentNode(asked: asked) {
            silent.add(node)
        }
        let isOver = patience.isOver(at: engine.now, after: failure.silence(engine.settings))
        return choice.failed(failure, isOver: isOver)
    }

    private mutating func ask(
        _ read: ReadID?, _ address: SocketAddress, _ opening: StreamOpening, _ block: ValueBlock,
        _ range: Range<UInt64>
    ) throws(ClientError) -> ReadID {
        for _ in 0..<1_000 {
            if let read {
                if engine.redirect(read, to: address, opening: opening) { return read }
            } else {
                var request = ReadRequest(
                    assembly: ReadAssembly(
                        block: block.block, epoch: block.epoch, blockLength: block.length,
                        range: range, checksum: block.checksum),
                    opening: opening, address: address)
                request.sink = ReadSink(
                    descriptor: sink.descriptor, position: sink.position.map { $0 + sum.length })
                if let read = engine.read(request) { return read }
            }
            engine.turn(waitUntil: engine.now + 10_000_000)
        }
        throw .busy(reason: "this process has no connection left")
    }

    private mutating func follow(
        _ read: ReadID, _ block: ValueBlock, _ progress: (UInt64) -> Void
    ) throws(ClientError) -> Result<UInt32, StreamFailure> {
        let hedgeAt = engine.now + engine.settings.hedgePause
        while true {
            while let event = engine.nextEvent() {
                switch event {
                case .verified(_, let bytes):
                    patience.progressed()
                    choice.progressed()
                    progress(sum.length + bytes)
                case .readNarrowed(_, let isRival, let failure):
                    narrowed(isRival: isRival, failure, block)
                case .readCompleted(_, let checksum): return .success(checksum)
                case .readFailed(_, let failure): return .failure(failure)
                default: break
                }
            }
            let mayHedge = engine.canHedge(read)
            if mayHedge, engine.now >= hedgeAt { hedge(read, block) }
            engine.turn(waitUntil: mayHedge && engine.now < hedgeAt ? hedgeAt : .max)
        }
    }

    /// The replica that was asked is slow: the next one is asked as well.
    private mutating func hedge(_ read: ReadID, _ block: ValueBlock) {
        guard let place = choice.hedge() else { return }
        guard let address = SocketAddress(resolving: block.replicas[place].node),
            let opening = block.opening(at: place),
            engine.hedge(read, to: address, opening: opening)
        else {
            _ = choice.narrowed(isRival: true, .unreachable(EHOSTUNREACH))
            return
        }
    }

    private mutating func narrowed(
        isRival: Bool, _ failure: StreamFailure?, _ block: ValueBlock
    ) {
        guard let node = choice.narrowed(isRival: isRival, failure) else { return }
        if let failure { note(failure, node, block) }
        // It was asked first and is passed by: the next block is asked for elsewhere.
        if !isRival, failure == nil { silent.add(node) }
    }

    private mutating func note(_ failure: StreamFailure, _ node: NodeID, _ block: ValueBlock) {
        if case .refused(let status, _) = failure, status.blamesToken { return }
        if failure.status == .corrupt, bad.count < Self.mostBad {
            bad.append((block.block, block.epoch, node))
        }
        guard faults.count < Self.mostFaults else { return }
        faults.append(
            ReplicaFault(
                node: node, block: block.block, isCorrupt: failure.status == .corrupt,
                reason: failure.sentence))
    }

    private mutating func refetch(_ block: ValueBlock) throws(ClientError) -> ValueBlock {
        let value = try open(at: max(block.offset, options.offset))
        guard
            let same = value.blocks.first(where: {
                $0.block == block.block && $0.epoch == block.epoch && $0.length == block.length
            })
        else { throw replaced(block.block) }
        return same
    }

    /// Copies one get reports; the rest of a device that bad is the scrub's.
    private static var mostBad: Int { 100 }

    /// Faults one get remembers: a node that comes and goes has more.
    private static var mostFaults: Int { 1_000 }

    /// Waits so many nanoseconds, with the ring kept going.
    private mutating func wait(_ nanoseconds: UInt64) {
        let end = engine.now + nanoseconds
        while engine.now < end { engine.turn(waitUntil: end) }
    }

    private func exhausted(_ block: ValueBlock) -> ClientError {
        let faults = choice.faults
        let count = Set(faults.map(\.node)).count
        let isCorrupt = faults.contains { $0.failure.status == .corrupt }
        let answered = faults.filter { !$0.failure.isSilence }
        if isCorrupt, answered.allSatisfy({ $0.failure.status == .corrupt }) {
            return .corrupt(key: key, block: block.block, replicas: count)
        }
        return .unreadable(
            key: key, block: block.block, replicas: count,
            reason: choice.last?.sentence ?? "no datanode that holds it is known")
    }
}

extension StreamFailure {
    /// The node said nothing about the bytes.
    var isSilence: Bool {
        switch self {
        case .unreachable, .disconnected, .timedOut: true
        default: false
        }
    }
}
