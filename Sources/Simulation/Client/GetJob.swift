import Client
import ControlClient
import Reactor
import System
import Wire

/// A get: the library's `GetMachine` over a simulated ring and namenode, and what the oracle is to
/// know of it.
final class GetJob: ClientJob {
    private enum Purpose { case open, silentNote }

    private unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    private let key: String
    private let isPart: Bool
    private let mustSucceed: Bool
    /// What the ledger allowed when the get began.
    private var floor = 0
    private var machine: GetMachine
    private var calls = CallQueue<Purpose>()
    /// Of the bytes that were delivered.
    private var sum = PieceSum()
    private var hasBegun = false
    private var isFinished = false
    private(set) var isRead = false
    /// Takes what it is given and lets go of nothing.
    private(set) var isStalled = false
    private var held: [(read: ReadID, buffer: BufferIndex)] = []
    /// In words.
    private var asked = "nothing"

    init(
        _ cluster: SimulatedCluster, _ client: SimulatedClient, key: String, isPart: Bool,
        mustSucceed: Bool, isStalled: Bool = false
    ) {
        self.cluster = cluster
        self.client = client
        self.key = key
        self.isPart = isPart
        self.mustSucceed = mustSucceed
        self.isStalled = isStalled
        machine = GetMachine(GetSettings(key: key, engine: client.box.engine.settings))
    }

    private var now: UInt64 { client.now }

    var isOver: Bool { isFinished && calls.isEmpty }
    var nextDeadline: UInt64? { isFinished || machine.wakeAt == .max ? nil : machine.wakeAt }

    func step() -> Bool {
        if !hasBegun {
            hasBegun = true
            floor = cluster.ledger.floor(key)
            tell(.began)
            return true
        }
        if let answer = calls.takeAnswer(client.caller) {
            if case .open = answer.purpose { opened(answer.result) }
            return true
        }
        if calls.beginNext(client.caller) { return true }
        guard !isFinished, now >= machine.wakeAt else { return false }
        tell(.woke(canHedge: machine.read.map { client.box.engine.canHedge($0) } ?? false))
        return true
    }

    private func opened(_ result: Result<ControlReply, ControlFailure>) {
        if machine.value == nil, isPart, case .success(let reply) = result, reply.open.length > 1 {
            let length = Int(reply.open.length)
            let start = cluster.world.random.below(length)
            let end = start + 1 + cluster.world.random.below(length - start)
            machine.narrow(to: UInt64(start)..<UInt64(end))
        }
        tell(GetEvent(result))
    }

    func take(_ event: StreamEvent) {
        switch event {
        case .payload(let id, let buffer, _, let memory):
            if id == machine.read, let base = memory.baseAddress {
                sum.append(
                    CRC32C.of(base, count: memory.count), length: UInt64(memory.count))
            }
            guard !isStalled else { return held.append((id, buffer)) }
            client.box.engine.consumed(id, buffer: buffer)
        case .verified(let id, let bytes) where id == machine.read:
            machine.verified(bytes, now: now)
        case .readCompleted(let id, let checksum) where id == machine.read:
            tell(.completed(checksum: checksum))
        case .readFailed(let id, let failure) where id == machine.read:
            cluster.note(
                [31, UInt64(client.number)], "\(client.name): read of \(asked): \(failure.sentence)"
            )
            tell(.failed(failure))
        case .readNarrowed(let id, let isRival, let failure) where id == machine.read:
            tell(.narrowed(isRival: isRival, failure))
        default: break
        }
    }

    /// Bytes that were delivered.
    var taken: UInt64 { sum.length }

    /// It is not stalled any more.
    func goOn() {
        isStalled = false
        for piece in held { client.box.engine.consumed(piece.read, buffer: piece.buffer) }
        held = []
    }

    // MARK: What the machine wants

    private func tell(_ event: GetEvent) {
        for action in machine.take(event, now: now) { perform(action) }
    }

    private func perform(_ action: GetAction) {
        switch action {
        case .open(let message, let within): calls.add(.open, .open(message), within: within)
        case .waiting: break
        case .ask(let ask):
            if cluster.plant == .skippedCRC { return readBlindly(ask) }
            let node = cluster.datanode(ask.node.node)
            asked = "block \(ask.block.block) at \(node?.name ?? "nobody")"
            let id = client.box.engine.ask(ask, at: address(of: ask.node))
            tell(id.map { .asked($0) } ?? .noRoom)
        case .hedge(let read, let ask):
            let isAsked = client.box.engine.hedge(
                read, to: address(of: ask.node), opening: ask.opening)
            if !isAsked { tell(.notHedged) }
        case .end(let read): client.box.engine.end(read)
        case .tell(let node):
            calls.add(.silentNote, .silent(node), within: CallQueue<Purpose>.shortCall)
        case .finish(let failure):
            isFinished = true
            if let failure { fail(failure) } else { finish() }
        }
    }

    private func address(of node: ChainNode) -> SocketAddress {
        guard let address = SocketAddress(host: node.host, port: node.port) else {
            preconditionFailure("a numeric address")
        }
        return address
    }

    /// The plant: the bytes of the first replica that has the file, as they lie there.
    private func readBlindly(_ ask: ReplicaAsk) {
        for replica in ask.block.replicas {
            let node = cluster.datanodes.first { $0.identity.node == replica.node.node }
            guard let disk = node?.disk(of: ask.block.block) else { continue }
            let bytes = disk.bytes(
                of: "\(ask.block.block).blk", from: 8192 + Int(ask.range.lowerBound),
                count: ask.range.count)
            guard bytes.count == ask.range.count else { continue }
            let checksum = CRC32C.of(bytes)
            sum.append(checksum, length: UInt64(bytes.count))
            tell(.asked(ReadID.nobody))
            return tell(.completed(checksum: checksum))
        }
        tell(.noAddress)
    }

    // MARK: The end

    private func finish() {
        guard let value = machine.value else { preconditionFailure("what was read was opened") }
        let start = Int(machine.settings.offset)
        let range = start..<start + Int(sum.length)
        cluster.note(
            [32, UInt64(client.number), UInt64(sum.checksum)],
            "\(client.name): get \(key) \(range): read")
        isRead = true
        cluster.oracle.read(
            key, length: Int(value.length), range: range, checksum: sum.checksum, since: floor)
    }

    private func fail(_ failure: GetFailure) {
        if case .call(.refused(let refusal)) = failure, refusal.code == .notFound,
            machine.value == nil
        {
            cluster.note([30, UInt64(client.number)], "\(client.name): get \(key): not found")
            return cluster.oracle.readAbsent(key, since: floor)
        }
        if case .noBlock = failure { return cluster.oracle.wrong("get \(key): \(failure)") }
        let reason = "\(ClientError(failure, machine.settings))"
        cluster.note([33, UInt64(client.number)], "\(client.name): get \(key) fails: \(reason)")
        // The blocks of a value that was replaced meanwhile are deleted after their grace.
        guard mustSucceed, cluster.ledger.floor(key) == floor else { return }
        cluster.oracle.unreadable(key, reason)
    }
}
