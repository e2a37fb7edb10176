import Client
import ControlClient
import Reactor
import System
import Wire

/// A put: the library's `PutMachine` over a simulated ring and namenode, and what the oracle is to
/// know of it.
final class PutJob: ClientJob {
    private enum Purpose {
        case call(PutCall)
        case silentNote
    }

    unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    let key: String
    let value: SimulatedValue
    private let mustSucceed: Bool
    /// Some ask for durability in the middle of their blocks.
    private let flushEvery: UInt64?
    private var source: TricklingSource
    private var candidate = 0
    private var machine: PutMachine
    private var calls = CallQueue<Purpose>()
    /// The blocks that are under way, each with its first byte in the value.
    private var begun: [WriteID: (plan: BlockPlan, start: UInt64)] = [:]
    /// Of its streams.
    private(set) var failures: [StreamFailure] = []
    /// Streams that failed and were taken up again with the same token.
    private var resumed: Set<WriteID> = []
    /// What is sealed, by its place in the value.
    private var blocks: [Int: WrittenBlock] = [:]
    private var hasBegun = false
    private var isFinished = false

    init(
        _ cluster: SimulatedCluster, _ client: SimulatedClient, key: String,
        mustSucceed: Bool = false, durability: CloseDurability? = nil
    ) {
        self.cluster = cluster
        self.client = client
        self.key = key
        self.mustSucceed = mustSucceed
        let overwrite = mustSucceed || cluster.world.random.below(4) > 0
        let level: CloseDurability =
            mustSucceed
            ? .durable
            : durability ?? cluster.world.random.pick([.durable, .durable, .written, .none])
        value = SimulatedValue(
            seed: cluster.world.random.next(),
            length: cluster.world.random.pick(cluster.plan.lengths),
            durability: level)
        var aside = SimulationRandom(seed: value.seed)
        flushEvery = aside.pick(cluster.plan.flushes)
        source = TricklingSource(pause: mustSucceed ? 0 : cluster.plan.trickle)
        var settings = PutSettings(
            key: key, supply: .again(UInt64(value.length)), engine: client.box.engine.settings)
        settings.overwrite = overwrite
        settings.durability = level
        machine = PutMachine(settings)
    }

    private var now: UInt64 { client.now }

    var isOver: Bool { isFinished && calls.isEmpty }
    var nextDeadline: UInt64? {
        guard !isFinished else { return nil }
        let wake = machine.wakeAt == .max ? nil : machine.wakeAt
        return [wake, source.nextDeadline].compactMap { $0 }.min()
    }

    func step() -> Bool {
        if !hasBegun {
            hasBegun = true
            candidate = cluster.ledger.begin(key, value)
            tell(.began)
            return true
        }
        if let answer = calls.takeAnswer(client.caller) {
            if case .call(let call) = answer.purpose {
                tell(PutEvent(call, answer.result, key: key))
            }
            return true
        }
        if calls.beginNext(client.caller) { return true }
        if let piece = source.next(now: now) {
            provide(piece)
            return true
        }
        guard !isFinished, now >= machine.wakeAt else { return false }
        tell(.woke)
        return true
    }

    // MARK: The streams

    func take(_ event: StreamEvent) {
        switch event {
        case .wantsPayload(let id, let buffer, let offset, let memory):
            source.want(.init(write: id, buffer: buffer, offset: offset, memory: memory), now: now)
            if let piece = source.next(now: now) { provide(piece) }
        case .progress(let id, let acked):
            if let plan = begun[id]?.plan { cluster.oracle.acked(acked, plan) }
            machine.progressed(id, acked, now: now)
        case .sealed(let id, let seal): sealed(id, seal.receipt)
        case .writeFailed(let id, let failure):
            failures.append(failure)
            cluster.note(
                [20, UInt64(client.number)], "\(client.name): stream: \(failure.sentence)")
            if cluster.plan.isGentle {
                cluster.oracle.stuck("a stream fails, and nothing broke: \(failure.sentence)")
            }
            tell(.failed(id, failure, isInMemory: client.box.engine.isInMemory(id)))
        default: break
        }
    }

    private func provide(_ piece: TricklingSource.Piece) {
        guard let start = begun[piece.write]?.start else { return }
        value.fill(piece.memory, from: Int(start + piece.offset))
        client.box.engine.provide(piece.write, buffer: piece.buffer, count: piece.memory.count)
        let end = piece.offset + UInt64(piece.memory.count)
        if end == machine.block(piece.write)?.length {
            tell(.filled(piece.write, length: end, isSourceEnded: false))
        }
    }

    private func sealed(_ id: WriteID, _ receipt: SignedReceipt) {
        guard let block = machine.block(id) else { return }
        let written = WrittenBlock(
            block: block.plan.block, epoch: block.plan.epoch, length: Int(receipt.receipt.length),
            position: Int(block.start), checksum: receipt.receipt.checksum,
            chain: block.plan.credentials.chain.nodes.map(\.node))
        cluster.oracle.sealed(
            written, block.plan, of: value, level: receipt.receipt.level, client: client.name)
        begun[id] = nil
        if resumed.remove(id) != nil { client.resumes += 1 }
        blocks[block.order] = written
        let isOverstated = cluster.plant == .closeBeforeDurable
        tell(.sealed(id, isOverstated ? cluster.overstated(receipt) : receipt))
    }

    private var inOrder: [WrittenBlock] { blocks.sorted { $0.key < $1.key }.map(\.value) }

    // MARK: What the machine wants

    private func tell(_ event: PutEvent) {
        var actions = machine.take(event, now: now)
        var done = 0
        while done < actions.count {
            if let answer = perform(actions[done]) { actions += machine.take(answer, now: now) }
            done += 1
        }
    }

    private func perform(_ action: PutAction) -> PutEvent? {
        switch action {
        case .call(let call, let within):
            if case .close = call { cluster.ledger.wrote(key, candidate, inOrder) }
            calls.add(.call(call), machine.operation(of: call), within: within)
        case .waiting: break
        case .write(let block):
            let write = client.box.engine.write(request(block))
            if let write { begin(write, block.plan, at: block.start) }
            return answer(block.order, write)
        case .resume(let order, let write):
            let isResumed = client.box.engine.resume(write)
            if isResumed { resumed.insert(write) }
            return answer(order, isResumed ? write : nil)
        case .move(let order, let write, let plan):
            let isMoved = client.box.engine.move(
                write, block: plan.block, epoch: plan.epoch, opening: plan.opening,
                address: address(of: plan))
            resumed.remove(write)
            if isMoved, let start = machine.block(write)?.start {
                end(write)
                begin(write, plan, at: start)
            }
            return answer(order, isMoved ? write : nil)
        case .peek: preconditionFailure("the length is known")
        case .end(let write):
            // The engine has its buffers back only when they are filled.
            for piece in source.take(of: write) { provide(piece) }
            end(write)
            client.box.engine.end(write)
        case .tell(let node):
            calls.add(.silentNote, .silent(node), within: CallQueue<Purpose>.shortCall)
        case .finish(let failure, _):
            isFinished = true
            if let failure { failed(failure) } else { closed() }
        }
        return nil
    }

    private func answer(_ order: Int, _ write: WriteID?) -> PutEvent {
        write.map { .begun(order, $0) } ?? .noRoom(order)
    }

    private func begin(_ write: WriteID, _ plan: BlockPlan, at start: UInt64) {
        begun[write] = (plan, start)
        cluster.oracle.began(plan, of: value, at: Int(start), client: client.name)
    }

    private func end(_ write: WriteID) {
        if let block = begun.removeValue(forKey: write) { cluster.oracle.ended(block.plan) }
    }

    private func request(_ block: BlockWrite) -> WriteRequest {
        var request = block.request(at: address(of: block.plan))
        // The plant: it asks for less than its CLOSE will say.
        let asks = value.durability == .durable && cluster.plant != .closeBeforeDurable
        request.sealLevel = asks ? .durable : .written
        request.flushEvery = flushEvery
        return request
    }

    private func address(of plan: BlockPlan) -> SocketAddress {
        let head = plan.credentials.chain.nodes[0]
        guard let address = SocketAddress(host: head.host, port: head.port) else {
            preconditionFailure("a numeric address")
        }
        return address
    }

    // MARK: The end

    private func closed() {
        cluster.note(
            [21, UInt64(client.number), UInt64(candidate)],
            "\(client.name): put \(key) #\(candidate), \(value.length) bytes, "
                + "\(value.durability), blocks \(inOrder.map(\.block.number))")
        cluster.ledger.acked(key, candidate)
        cluster.oracle.closed(key, value, inOrder)
    }

    private func failed(_ failure: PutFailure) {
        let reason = "\(ClientError(failure, machine.settings))"
        cluster.note(
            [22, UInt64(client.number), UInt64(candidate)],
            "\(client.name): put \(key) #\(candidate) fails: \(reason)")
        if mustSucceed { cluster.oracle.stuck("a put of \(key) fails in calm: \(reason)") }
        if case .call(.refused(let refusal)) = failure, refusal.code == .exists {
            cluster.oracle.sawSome(key)
        }
        if !machine.mayBeStored { cluster.ledger.failed(key, candidate) }
    }
}
