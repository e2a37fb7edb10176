import ControlClient
import Reactor
import System
import Wire

/// One put on the calling thread: `PutMachine` over a `StreamEngine` that reads its source.
///
/// Calls are made by the namespace's caller, which blocks, until a block is written and after the
/// last one is sealed. Between them they go over the ring, so that no stream waits for them.
struct PutSession: ~Copyable {
    /// Over the ring at once: a renewal, an ADDBLOCK, and notes of silent nodes.
    static let mostCalls = 16

    private var engine: StreamEngine<KernelRing>
    private let namespace: NamespaceClient
    private let source: PutSource
    private let options: PutOptions
    private let waiting: (@Sendable (ControlFailure) -> Void)?
    private var machine: PutMachine
    private var calls: RingCalls<Purpose>?
    /// The first bytes of the next block, of a source of unknown length.
    private var peeked: (buffer: BufferIndex, count: Int)?
    private var wantsPeek = false
    private var shown: UInt64 = 0
    private var isOver = false
    /// Notes of silent nodes that do not go over the ring are sent, until the namenode leaves one
    /// unanswered: one that is away would hold the put up with each. The next call tries again.
    private var takesNotes = true
    private var failure: PutFailure?

    private enum Purpose {
        case call(PutCall)
        /// A node was silent: nobody waits for the answer.
        case silentNote
    }

    init(
        engine: consuming StreamEngine<KernelRing>, namespace: NamespaceClient, source: PutSource,
        options: PutOptions, settings: PutSettings, waiting: (@Sendable (ControlFailure) -> Void)?
    ) {
        self.engine = engine
        self.namespace = namespace
        self.source = source
        self.options = options
        self.waiting = waiting
        machine = PutMachine(settings)
    }

    mutating func run(_ progress: (UInt64) -> Void) throws(ClientError) -> PutSummary {
        tell(.began)
        while !isOver {
            while let event = engine.nextEvent() { take(event) }
            show(progress)
            guard !isOver else { break }
            if engine.now >= machine.wakeAt {
                tell(.woke)
                continue
            }
            // With every buffer unacked, the next ack gives one back.
            if wantsPeek, engine.freeBuffers > 0 {
                wantsPeek = false
                engine.peek(source.descriptor)
            }
            engine.turn(waitUntil: machine.wakeAt)
        }
        engine.shutDown()
        if let failure { throw ClientError(failure, machine.settings) }
        return summary
    }

    private var summary: PutSummary {
        var sum = PieceSum()
        var blocks: [(block: BlockID, length: UInt64, chain: [ChainNode])] = []
        for case let block? in machine.blocks {
            let receipt = block.receipt.receipt
            sum.append(receipt.checksum, length: receipt.length)
            blocks.append(
                (block.plan.block, receipt.length, block.plan.credentials.chain.nodes))
        }
        return PutSummary(length: sum.length, checksum: sum.checksum, blocks: blocks)
    }

    /// Bytes that every node of their chains has written.
    private mutating func show(_ progress: (UInt64) -> Void) {
        guard !isOver, machine.written > shown else { return }
        shown = machine.written
        progress(shown)
    }

    private mutating func take(_ event: StreamEvent) {
        if let answers = calls?.take(event, over: &engine) {
            for case (.call(let call), let result) in answers {
                tell(PutEvent(call, result, key: machine.settings.key))
            }
            return
        }
        switch event {
        case .filled(let id, let length, let isEnded):
            tell(.filled(id, length: length, isSourceEnded: isEnded))
        case .progress(let id, let acked): machine.progressed(id, acked, now: engine.now)
        case .sealed(let id, let seal): tell(.sealed(id, seal.receipt))
        case .writeFailed(let id, let failure):
            tell(.failed(id, failure, isInMemory: engine.isInMemory(id)))
        case .peeked(let buffer, let count):
            if let buffer { peeked = (buffer, count) }
            tell(.peeked(count))
        case .peekFailed(let number):
            tell(.sourceFailed(.sourceFailed(reason: errorText(number))))
        default: preconditionFailure("an engine with a source and no read says no more")
        }
    }

    /// Tells the machine, does what it wants, tells it what came of that, and so on.
    private mutating func tell(_ event: PutEvent) {
        var actions = machine.take(event, now: engine.now)
        var done = 0
        while done < actions.count {
            if let answer = perform(actions[done]) {
                actions += machine.take(answer, now: engine.now)
            }
            done += 1
        }
    }

    private mutating func perform(_ action: PutAction) -> PutEvent? {
        switch action {
        case .call(let call, let within):
            if isOverRing(call), ask(.call(call), machine.operation(of: call)) { return nil }
            return make(call, within)
        case .waiting(let failure): waiting?(failure)
        case .peek: wantsPeek = true
        case .write(let block):
            guard let address = address(of: block.plan) else { return .noAddress(block.order) }
            let write = engine.write(request(block, at: address))
            if write != nil { peeked = nil }
            return begun(block.order, write)
        case .resume(let order, let write):
            return begun(order, engine.resume(write) ? write : nil)
        case .move(let order, let write, let plan):
            guard let address = address(of: plan) else { return .noAddress(order) }
            let isMoved = engine.move(
                write, block: plan.block, epoch: plan.epoch, opening: plan.opening,
                address: address)
            return begun(order, isMoved ? write : nil)
        case .end(let write): engine.end(write)
        case .tell(let node):
            if !ask(.silentNote, .silent(node)) {
                takesNotes = takesNotes && namespace.tell(silent: node)
            }
        case .finish(let failure, let kept):
            isOver = true
            self.failure = failure
            if let kept, let lease = machine.lease {
                options.leaseKept?(lease, ClientError(kept, key: lease.key))
            }
        }
        return nil
    }

    private func begun(_ order: Int, _ write: WriteID?) -> PutEvent {
        write.map { .begun(order, $0) } ?? .noRoom(order)
    }

    private func address(of plan: BlockPlan) -> SocketAddress? {
        SocketAddress(resolving: plan.credentials.chain.nodes[0])
    }

    private func request(_ block: BlockWrite, at address: SocketAddress) -> WriteRequest {
        var request = block.request(at: address)
        request.source = PayloadFile(
            descriptor: source.descriptor, position: source.start.map { $0 + block.start })
        request.sealLevel = options.durability == .durable ? .durable : .written
        request.flushEvery = options.flushEvery
        request.peeked = peeked
        return request
    }

    private func isOverRing(_ call: PutCall) -> Bool {
        switch call {
        case .plan, .renew: machine.isWriting
        case .create, .close, .abandon: false
        }
    }

    /// Asks the namenode over the ring. `false`: that cannot be.
    private mutating func ask(
        _ purpose: Purpose, _ operation: ControlRequest.OneOf_Operation
    ) -> Bool {
        if calls == nil { calls = namespace.ringCalls() }
        return calls?.call(purpose, operation, over: &engine) ?? false
    }

    /// Asks the namenode, and waits for its answer: streams go on after it.
    private mutating func make(_ call: PutCall, _ within: UInt64) -> PutEvent {
        if case .close(_, more: false) = call {
            do throws(ClientError) {
                try source.check(read: machine.taken)
            } catch {
                return .sourceFailed(error)
            }
            engine.shutDown()
        }
        takesNotes = true
        let answer = namespace.answer(to: machine.operation(of: call), within: within)
        let event = PutEvent(call, answer, key: machine.settings.key)
        if case .answered(.create, .success(.lease(let lease))) = event {
            options.leaseTaken?(lease)
        }
        return event
    }
}

extension ClientError {
    /// What a caller hears of a put that failed.
    package init(_ failure: PutFailure, _ settings: PutSettings) {
        switch failure {
        case .call(let failure): self.init(failure, key: settings.key)
        case .stream(.source(let number), _, _): self = .sourceFailed(reason: errorText(number))
        case .stream(.sourceEnded(let bytes), _, let start):
            self = .sourceLength(expected: settings.supply.expected ?? 0, found: start + bytes)
        case .stream(let failure, let plan, _):
            self = .unwritable(
                key: settings.key, block: plan.block,
                node: failure.blamed ?? plan.credentials.chain.nodes[0].node,
                status: failure.status, reason: failure.sentence)
        case .noAddress(let plan):
            let head = plan.credentials.chain.nodes[0]
            self = .unwritable(
                key: settings.key, block: plan.block, node: head.node,
                status: .nextHopUnreachable, reason: "\(head.host) has no address")
        case .shortBlock(let most):
            self = .malformed(reason: "a block of at most \(most) bytes")
        case .source(let error): self = error
        case .noRoom: self = .busy(reason: "this process has no connection left")
        }
    }
}
