import Glibc
import Reactor
import Wire

/// One get on the calling thread: OPEN, then blocks one after another, each in one `StreamEngine`
/// read that goes from replica to replica.
struct GetSession: ~Copyable {
    private var engine: StreamEngine<KernelRing>
    private let namespace: NamespaceClient
    private let key: String
    private let sink: ReadSink
    private let options: GetOptions

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
        sink: ReadSink, options: GetOptions
    ) {
        self.engine = engine
        self.namespace = namespace
        self.key = key
        self.sink = sink
        self.options = options
    }

    mutating func run(_ progress: (UInt64) -> Void) throws(ClientError) -> GetSummary {
        do throws(ClientError) {
            try readAll(progress)
        } catch {
            engine.shutDown()
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
            throw .badRange(key: key, offset: options.offset, length: options.length)
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
        }
        progress(sum.length)
    }

    /// - Parameter offset: in the value, at or behind the range's.
    private mutating func open(at offset: UInt64) throws(ClientError) -> OpenValue {
        let length = options.length == 0 ? 0 : options.length - (offset - options.offset)
        let value = try namespace.open(
            key, location: options.location, offset: offset, length: length)
        // What is read so far belongs to one value; the rest must too (DESIGN promise 4).
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
        var choice = ReplicaChoice(block.replicas.map(\.node.node))
        var step = choice.first()
        var read: ReadID?
        while true {
            switch step {
            case .exhausted:
                // Deleted meanwhile, or replaced: then the namenode's answer says so.
                if choice.faults.contains(where: { $0.failure.status == .notFound }) {
                    _ = try open(at: max(block.offset, options.offset))
                }
                throw exhausted(block, choice)
            case .refetch:
                block = try refetch(block)
                choice.replace(block.replicas.map(\.node.node))
                step = choice.again()
            case .ask(let place):
                if choice.asked > block.replicas.count { pause() }
                guard let address = SocketAddress(resolving: block.replicas[place].node),
                    let opening = block.opening(at: place)
                else {
                    step = choice.failed(.unreachable(EHOSTUNREACH))
                    continue
                }
                let id = try ask(read, address, opening, block, range)
                read = id
                switch try follow(id, progress) {
                case .success(let checksum):
                    tried += choice.asked
                    return sum.append(checksum, length: UInt64(range.count))
                case .failure(.sink(EPIPE)): throw .sinkClosed
                case .failure(.sink(let number)):
                    throw .sinkFailed(reason: errorText(number))
                case .failure(.passedOn): throw .corruptOutput(key: key, block: block.block)
                case .failure(let failure):
                    note(failure, block.replicas[place].node.node, block)
                    step = choice.failed(failure)
                }
            }
        }
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
        _ read: ReadID, _ progress: (UInt64) -> Void
    ) throws(ClientError) -> Result<UInt32, StreamFailure> {
        while true {
            while let event = engine.nextEvent() {
                switch event {
                case .verified(_, let bytes): progress(sum.length + bytes)
                case .readCompleted(_, let checksum): return .success(checksum)
                case .readFailed(_, let failure): return .failure(failure)
                default: break
                }
            }
            engine.turn(waitUntil: .max)
        }
    }

    private mutating func note(_ failure: StreamFailure, _ node: NodeID, _ block: ValueBlock) {
        if case .refused(let status, _) = failure, status.blamesToken { return }
        if failure.status == .corrupt, bad.count < Self.mostBad {
            bad.append((block.block, block.epoch, node))
        }
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

    /// Every replica was asked once: a moment for the busy ones.
    private mutating func pause() {
        let end = engine.now + 200_000_000
        while engine.now < end { engine.turn(waitUntil: end) }
    }

    private func exhausted(_ block: ValueBlock, _ choice: ReplicaChoice) -> ClientError {
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
