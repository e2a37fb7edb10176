import ControlClient
import Wire

// How the blocks of a put are begun, filled and sealed, and begun again on another chain.
extension PutMachine {
    /// No block will begin any more.
    var isExhausted: Bool {
        if isSourceEnded { return true }
        switch settings.supply {
        case .again(let length): return taken >= length
        // One byte more than was promised proves that the promise is broken.
        case .once(let promised): return promised.map { taken > $0 } ?? false
        }
    }

    // MARK: Beginning

    /// Begins the next block when those before it are filled.
    mutating func beginNext() {
        guard case .writing = phase, !isExhausted, writing.count < Self.mostWriting,
            writing.allSatisfy(\.isFilled)
        else { return }
        if case .once = settings.supply, peeked == nil {
            // Whether there is another block is known when its first bytes are.
            guard !isPeeking else { return }
            isPeeking = true
            return actions.append(.peek)
        }
        let bound = blockBytes
        guard let plan = takePlan() else { return }
        let most = min(plan.maxLength, bound ?? .max)
        var length: UInt64?
        if case .again(let total) = settings.supply { length = min(most, total - taken) }
        let block = PutBlock(
            order: blocks.count, start: taken, length: length, peeked: peeked ?? 0, plan: plan)
        peeked = nil
        blocks.append(nil)
        writing.append(block)
        taken += length ?? 0
        start(writing.count - 1, .write)
    }

    mutating func peeked(_ count: Int) {
        isPeeking = false
        if count > 0 { peeked = count } else { isSourceEnded = true }
    }

    private mutating func start(_ place: Int, _ step: PutBlock.Step) {
        let block = writing[place]
        let most = min(block.plan.maxLength, blockBytes ?? .max)
        let needed = block.length ?? UInt64(max(1, block.peeked))
        guard step == .resume || most >= needed else { return fail(.shortBlock(most)) }
        writing[place].stage = .starting(step)
        switch (step, block.write) {
        case (.resume, let write?): actions.append(.resume(block.order, write))
        case (.move, let write?): actions.append(.move(block.order, write, block.plan))
        case (.write, nil):
            actions.append(
                .write(
                    BlockWrite(
                        order: block.order, start: block.start, length: block.length, most: most,
                        plan: block.plan)))
        default: preconditionFailure("a stream is begun once, and goes on after that")
        }
    }

    private func place(ofOrder order: Int) -> Int? {
        writing.firstIndex { $0.order == order }
    }

    mutating func begun(_ order: Int, _ id: WriteID) {
        guard let place = place(ofOrder: order) else {
            return actions.append(.end(id))
        }
        writing[place].write = id
        writing[place].stage = .running
        writing[place].roomPauses = 0
    }

    mutating func noRoom(_ order: Int) {
        guard let place = place(ofOrder: order), case .starting(let step) = writing[place].stage
        else { return }
        // While another block of the value goes on, its end gives room.
        if writing.count == 1 { writing[place].roomPauses += 1 }
        guard writing[place].roomPauses < Self.mostRoomPauses else { return fail(.noRoom) }
        writing[place].stage = .pausing(until: now + Self.roomPause, step)
    }

    mutating func noAddress(_ order: Int) {
        guard let place = place(ofOrder: order) else { return }
        fail(.noAddress(writing[place].plan))
    }

    /// Does what a block has waited for.
    mutating func goOn(_ place: Int) {
        guard place < writing.count, case .pausing(let until, let step) = writing[place].stage,
            now >= until
        else { return }
        guard step == .plan else { return start(place, step) }
        writing[place].stage = .unplanned
    }

    // MARK: Going on

    mutating func filled(_ id: WriteID, _ length: UInt64, _ isEnded: Bool) {
        guard let place = place(of: id) else { return }
        writing[place].isFilled = true
        if case .once = settings.supply { taken = writing[place].start + length }
        isSourceEnded = isSourceEnded || isEnded
    }

    /// As taking `progress`, which brings no action: acks come for every second frame, and each
    /// costs no more than this.
    package mutating func progressed(_ id: WriteID, _ acked: Progress, now: UInt64) {
        self.now = now
        guard let place = place(of: id) else { return }
        if writing[place].retry.progressed(acked) { patience.progressed() }
        writing[place].written = max(writing[place].written, acked[.written])
    }

    mutating func sealed(_ id: WriteID, _ receipt: SignedReceipt) {
        guard let place = place(of: id) else { return }
        let block = writing.remove(at: place)
        blocks[block.order] = (block.plan, receipt)
        sealedBytes += receipt.receipt.length
        patience.progressed()
    }

    // MARK: Failing

    /// A block's stream stopped: again on the same chain, on another one, or no more.
    mutating func failed(_ id: WriteID, _ failure: StreamFailure, _ isInMemory: Bool) {
        guard let place = place(of: id) else { return actions.append(.end(id)) }
        let block = writing[place]
        var canMove = isInMemory
        if case .again = settings.supply { canMove = true }
        let head = block.plan.credentials.chain.nodes[0].node
        if let node = failure.silentNode(asked: head) { silent.add(node) }
        let isOver = patience.isOver(at: now, after: failure.silence(settings.silence))
        let step = writing[place].retry.failed(
            failure, head: head, canMove: canMove && settings.hasOtherChains, isOver: isOver)
        let until = now + writing[place].retry.pause
        switch step {
        case .resume:
            retries += 1
            writing[place].stage = .pausing(until: until, .resume)
        case .newBlock(let node):
            retries += 1
            if let node { planning.failed(node) }
            tellSilent()
            dropPlans()
            if !isInMemory {
                actions.append(.end(id))
                writing[place].write = nil
                writing[place].isFilled = false
            }
            writing[place].stage = .pausing(until: until, .plan)
        case .giveUp: fail(.stream(failure, block.plan, start: block.start))
        }
    }

    /// The chain that takes a stopped block's place: the same bytes go there, from memory or read
    /// again.
    mutating func replaced(_ place: Int, _ plan: BlockPlan) {
        writing[place].plan = plan
        start(place, writing[place].write == nil ? .write : .move)
    }
}

extension PutBlock {
    var isUnplanned: Bool { if case .unplanned = stage { true } else { false } }
}
