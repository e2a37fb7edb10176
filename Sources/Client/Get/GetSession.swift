import ControlClient
import Glibc
import Reactor
import System
import Wire

/// One get on the calling thread: `GetMachine` over a `StreamEngine` that writes to its sink.
struct GetSession: ~Copyable {
    private var engine: StreamEngine<KernelRing>
    private let namespace: NamespaceClient
    private let sink: PayloadFile
    private let waiting: (@Sendable (ControlFailure) -> Void)?
    private var machine: GetMachine
    private var isOver = false
    /// Notes of silent nodes are sent, until the namenode leaves one unanswered: one that is away
    /// would hold the get up with each. The next OPEN tries again.
    private var takesNotes = true
    private var failure: GetFailure?

    init(
        engine: consuming StreamEngine<KernelRing>, namespace: NamespaceClient, sink: PayloadFile,
        settings: GetSettings, waiting: (@Sendable (ControlFailure) -> Void)?
    ) {
        self.engine = engine
        self.namespace = namespace
        self.sink = sink
        self.waiting = waiting
        machine = GetMachine(settings)
    }

    mutating func run(_ progress: (UInt64) -> Void) throws(ClientError) -> GetSummary {
        tell(.began)
        while !isOver {
            while let event = engine.nextEvent() { take(event, progress) }
            guard !isOver else { break }
            if engine.now >= machine.wakeAt {
                tell(.woke(canHedge: machine.read.map { engine.canHedge($0) } ?? false))
                continue
            }
            engine.turn(waitUntil: machine.wakeAt)
        }
        engine.shutDown()
        let untold = reportBad()
        if let failure { throw ClientError(failure, machine.settings) }
        progress(machine.sum.length)
        return GetSummary(
            length: machine.sum.length, checksum: machine.sum.checksum,
            replicasTried: machine.replicasTried, faults: machine.faults + untold)
    }

    private mutating func take(_ event: StreamEvent, _ progress: (UInt64) -> Void) {
        switch event {
        case .verified(_, let bytes):
            machine.verified(bytes, now: engine.now)
            progress(machine.verified)
        case .readNarrowed(_, let isRival, let failure):
            tell(.narrowed(isRival: isRival, failure))
        case .readCompleted(_, let checksum): tell(.completed(checksum: checksum))
        case .readFailed(_, let failure): tell(.failed(failure))
        default: preconditionFailure("an engine with a sink and one read says no more")
        }
    }

    private mutating func tell(_ event: GetEvent) {
        for action in machine.take(event, now: engine.now) { perform(action) }
    }

    private mutating func perform(_ action: GetAction) {
        switch action {
        case .open(let message, let within):
            takesNotes = true
            tell(GetEvent(namespace.answer(to: .open(message), within: within)))
        case .waiting(let failure): waiting?(failure)
        case .ask(let ask): tell(answer(to: ask))
        case .hedge(let read, let ask):
            guard let address = SocketAddress(resolving: ask.node),
                engine.hedge(read, to: address, opening: ask.opening)
            else { return tell(.notHedged) }
        case .end(let read): engine.end(read)
        case .tell(let node): takesNotes = takesNotes && namespace.tell(silent: node)
        case .finish(let failure):
            self.failure = failure
            isOver = true
        }
    }

    private mutating func answer(to ask: ReplicaAsk) -> GetEvent {
        guard let address = SocketAddress(resolving: ask.node) else { return .noAddress }
        let place = PayloadFile(
            descriptor: sink.descriptor, position: sink.position.map { $0 + ask.position })
        return engine.ask(ask, at: address, sink: place).map { .asked($0) } ?? .noRoom
    }

    /// Tells the namenode of bad copies, once the value is read or given up: a reader's word costs
    /// its reading no time. Who cannot be told is told by the node's own scrub; the first failure
    /// ends it.
    private func reportBad() -> [ReplicaFault] {
        for copy in machine.bad {
            do throws(ClientError) {
                try namespace.reportBad(copy.block, copy.epoch, on: copy.node)
            } catch {
                return [
                    ReplicaFault(
                        node: copy.node, block: copy.block, isCorrupt: true,
                        reason: "the namenode could not be told: \(error)")
                ]
            }
        }
        return []
    }
}

extension ClientError {
    /// What a caller hears of a get that failed.
    package init(_ failure: GetFailure, _ settings: GetSettings) {
        let key = settings.key
        switch failure {
        case .call(let failure): self.init(failure, key: key)
        case .replaced(let block):
            self = .unreadable(
                key: key, block: block, replicas: 0,
                reason: "the key was replaced while it was read")
        case .badRange(let length):
            self = .badRange(
                key: key, offset: settings.offset, length: settings.length, valueLength: length)
        case .noBlock(let position): self = .malformed(reason: "no block holds byte \(position)")
        case .output(.sink(EPIPE), _): self = .sinkClosed
        case .output(.sink(let number), _): self = .sinkFailed(reason: errorText(number))
        case .output(_, let block): self = .corruptOutput(key: key, block: block)
        case .noRoom: self = .busy(reason: "this process has no connection left")
        case .exhausted(let block, let choice): self.init(choice, of: block, key: key)
        }
    }

    private init(_ choice: ReplicaChoice, of block: BlockID, key: String) {
        let faults = choice.faults
        let count = Set(faults.map(\.node)).count
        let isCorrupt = faults.contains { $0.failure.status == .corrupt }
        let answered = faults.filter { !$0.failure.isSilence }
        self =
            isCorrupt && answered.allSatisfy { $0.failure.status == .corrupt }
            ? .corrupt(key: key, block: block, replicas: count)
            : .unreadable(
                key: key, block: block, replicas: count,
                reason: choice.last?.sentence ?? "no datanode that holds it is known")
    }
}

extension NamespaceClient {
    /// - Returns: whether it was heard. Nothing rests on it: the namenode misses a node's
    ///   heartbeats by itself.
    func tell(silent node: NodeID) -> Bool {
        do throws(ClientError) {
            try reportSilent(node)
            return true
        } catch {
            return false
        }
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
