import ControlClient
import Reactor
import Wire

// How the blocks of a put are planned, begun, and begun again on another chain.
extension PutSession {
    /// Begins the next block when those before it are filled.
    mutating func beginNext(_ keeper: inout LeaseKeeper) throws(ClientError) {
        guard !isExhausted, writing.count < Self.mostWriting, writing.allSatisfy(\.isFilled) else {
            return
        }
        if source.length == nil, peeked == nil {
            // Whether there is another block is known when its first bytes are. With every slot
            // unacked the next ack gives one back.
            guard !isPeeking, engine.freeSlots > 0 else { return }
            isPeeking = true
            return engine.peek(source.descriptor)
        }
        let plan = try nextPlan(&keeper)
        let most = longest(plan)
        var block = PutBlock(
            order: sealed.count, start: taken,
            length: source.length.map { min(most, $0 - taken) }, plan: plan,
            write: WriteID(index: -1), retry: WriteRetry())
        let peeked = self.peeked
        self.peeked = nil
        block.write = try begin(block, peeked)
        sealed.append(nil)
        writing.append(block)
        taken += block.length ?? 0
    }

    private func longest(_ plan: BlockPlan) -> UInt64 { min(plan.maxLength, blockBytes ?? .max) }

    /// How long the next block is to become; `nil`: as the namenode plans.
    private var blockBytes: UInt64? {
        guard let bounds else { return options.blockBytes }
        return BlockLength.next(
            wanted: options.blockBytes, total: source.expected, begun: sealed.count,
            bounds: bounds)
    }

    // MARK: Planning

    private mutating func nextPlan(_ keeper: inout LeaseKeeper) throws(ClientError) -> BlockPlan {
        // A plan's token runs from when it was planned, and its nodes were live then.
        if engine.now - plannedAt > Self.planLife, !planned.isEmpty {
            // What was not used stays open until CLOSE, and a value has a bounded number of blocks.
            planCount = max(1, planCount - planned.count)
            planned = []
        } else if planned.isEmpty {
            planCount = min(Self.mostPlanned, planCount * 2)
        }
        if planned.isEmpty {
            plannedAt = engine.now
            let rest = source.expected.map { $0 - min($0, taken) } ?? 0
            planned = try addBlocks(
                &keeper, count: planCount, longest: blockBytes ?? 0, bytes: rest)
        }
        return planned.removeFirst()
    }

    private mutating func addBlocks(
        _ keeper: inout LeaseKeeper, count: Int, longest: UInt64, bytes: UInt64
    ) throws(ClientError) -> [BlockPlan] {
        while true {
            let pause: UInt64
            let asked = MonotonicClock.nanoseconds
            do throws(ClientError) {
                let plans = try namespace.addBlocks(
                    keeper.lease, count: count, blockBytes: longest,
                    sizeHint: bytes, exclude: planning.excluded, replicas: options.replicas,
                    location: options.location)
                planning.planned()
                return plans
            } catch {
                let now = MonotonicClock.nanoseconds
                let isOver = patience.isOver(at: now, after: now - asked)
                guard let next = planning.pause(after: code(of: error), isOver: isOver) else {
                    throw error
                }
                pause = next
            }
            try wait(pause, &keeper)
        }
    }

    private func code(of error: ClientError) -> ControlCode {
        switch error {
        case .tooFewNodes: .tooFewNodes
        // The namenode may be on its way back.
        case .busy, .unreachable, .timedOut: .busy
        case .noSpace: .noSpace
        default: .internal
        }
    }

    // MARK: Beginning

    private mutating func begin(
        _ block: PutBlock, _ peeked: (slot: Int32, count: Int)?
    ) throws(ClientError) -> WriteID {
        let most = longest(block.plan)
        guard most >= max(block.length ?? 1, UInt64(peeked?.count ?? 1)) else {
            throw .malformed(reason: "a block of at most \(most) bytes")
        }
        var request = WriteRequest(
            block: block.plan.block, epoch: block.plan.epoch,
            opening: block.plan.opening, address: try address(of: block.plan),
            maxBytes: most)
        request.length = block.length
        request.source = WriteSource(
            descriptor: source.descriptor, position: source.start.map { $0 + block.start })
        request.peeked = peeked
        request.level = options.durability == .durable ? .durable : .written
        request.flushEvery = options.flushEvery
        let wanted = request
        return try connecting { engine in engine.write(wanted) }
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

    // MARK: Failing

    /// A block's stream stopped: again on the same chain, on another one, or no more.
    mutating func failed(
        _ place: Int, _ failure: StreamFailure, _ keeper: inout LeaseKeeper
    ) throws(ClientError) {
        let block = writing[place]
        let canMove = source.start != nil || engine.canMove(block.write)
        let head = block.plan.credentials.chain.nodes[0].node
        if let node = failure.silentNode(asked: head) { silent.add(node) }
        let isOver = patience.isOver(at: engine.now, after: failure.silence(engine.settings.progressTimeout))
        switch writing[place].retry.failed(failure, head: head, canMove: canMove, isOver: isOver) {
        case .resume:
            try wait(writing[place].retry.pause, &keeper)
            try connecting { engine in engine.resume(block.write) ? true : nil }
        case .newBlock(let node):
            if let node { planning.failed(node) }
            for node in silent.takeUntold() { namespace.tell(silent: node) }
            // What was planned ahead may need the node that failed; CLOSE frees it, and a value has
            // a bounded number of blocks.
            planned = []
            planCount = 1
            try wait(writing[place].retry.pause, &keeper)
            writing[place].plan = try addBlocks(
                &keeper, count: 1, longest: block.plan.maxLength, bytes: block.length ?? 0)[0]
            try move(place)
        case .giveUp: throw error(failure, block)
        }
    }

    /// Sends the same bytes to another chain: those in memory when all are there, or read again.
    private mutating func move(_ place: Int) throws(ClientError) {
        let block = writing[place]
        guard engine.canMove(block.write) else {
            engine.end(block.write)
            writing[place].isFilled = false
            writing[place].write = try begin(block, nil)
            return
        }
        let plan = block.plan
        guard longest(plan) >= block.length ?? 1 else {
            throw .malformed(reason: "a block of at most \(longest(plan)) bytes")
        }
        let address = try address(of: plan)
        try connecting { engine in
            engine.move(
                block.write, block: plan.block, epoch: plan.epoch, opening: plan.opening,
                address: address) ? true : nil
        }
    }

    /// Waits so many nanoseconds, with the ring and the lease kept going.
    private mutating func wait(
        _ nanoseconds: UInt64, _ keeper: inout LeaseKeeper
    ) throws(ClientError) {
        let end = engine.now + nanoseconds
        while engine.now < end {
            try keeper.renewIfDue()
            engine.turn(waitUntil: min(end, keeper.renewAt))
        }
    }

    private func error(_ failure: StreamFailure, _ block: PutBlock) -> ClientError {
        switch failure {
        case .source(let number): return .sourceFailed(reason: errorText(number))
        case .sourceEnded(let bytes):
            return .sourceLength(expected: source.length ?? 0, found: block.start + bytes)
        default:
            let head = block.plan.credentials.chain.nodes[0].node
            return .unwritable(
                key: key, block: block.plan.block, node: failure.blamed ?? head,
                status: failure.status, reason: failure.sentence)
        }
    }
}
