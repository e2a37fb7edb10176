import ControlClient
import Glibc
import Wire

// Which block is next, which replica is asked for it, and what is done about what comes of it.
extension GetMachine {
    // MARK: OPEN

    mutating func open(_ what: Opening) {
        wait = RefusalWait(at: now, for: settings.span)
        sendOpen(what)
    }

    mutating func sendOpen(_ what: Opening) {
        var message = ControlOpen()
        message.key = settings.key
        message.location = settings.location
        message.offset = what == .blocks ? position : max(block?.offset ?? 0, settings.offset)
        if settings.length > 0 {
            message.length = settings.length - (message.offset - settings.offset)
        }
        actions.append(.open(message, within: wait.rest(at: now)))
        stage = .opening(what)
    }

    mutating func notOpened(_ failure: ControlFailure, _ what: Opening) {
        guard let pause = wait.pause(after: failure, at: now) else { return fail(.call(failure)) }
        if wait.isToBeTold(at: now) { actions.append(.waiting(failure)) }
        stage = .pausing(until: now + pause, .again(what))
    }

    mutating func opened(_ opened: OpenValue, _ what: Opening) {
        // What is read so far belongs to one value; the rest must too.
        guard value == nil || value?.number == opened.value else {
            return fail(.replaced(what == .refetch || what == .reopen ? blockID : BlockID(0)))
        }
        switch what {
        case .blocks:
            let isFirst = value == nil
            if isFirst {
                guard let end = end(in: opened.length) else {
                    return fail(.badRange(valueLength: opened.length))
                }
                self.end = end
                value = (opened.value, opened.length)
            }
            blocks = opened.blocks[...]
            // An answer without the next block would be asked for again for ever.
            let holdsNext = blocks.contains {
                $0.offset <= position && position < $0.offset + $0.length
            }
            guard position == end || holdsNext || isFirst && !blocks.isEmpty else {
                return fail(.noBlock(position))
            }
            nextBlock()
        case .refetch, .reopen:
            let same = opened.blocks.first {
                $0.block == block?.block && $0.epoch == block?.epoch
                    && $0.length == block?.length
            }
            guard let same else { return fail(.replaced(blockID)) }
            block = same
            if what == .reopen {
                return take(choice.reopen(same, isOver: patience.isOver(at: now)))
            }
            choice.replace(same)
            take(choice.again())
        case .verdict: fail(.exhausted(blockID, choice))
        }
    }

    /// One past the last wanted byte of a value of this length, if it has them all.
    private func end(in length: UInt64) -> UInt64? {
        let (end, overflow) = settings.offset.addingReportingOverflow(settings.length)
        guard settings.offset <= length, !overflow, end <= length else { return nil }
        return settings.length == 0 ? length : end
    }

    // MARK: The next block

    /// Of the next byte, in the value.
    private var position: UInt64 { settings.offset + sum.length }

    private var blockID: BlockID { block?.block ?? BlockID(0) }

    private mutating func nextBlock() {
        guard position < end else {
            stage = .over
            actions.append(.finish(nil))
            return
        }
        while let next = blocks.first, next.offset + next.length <= position {
            blocks.removeFirst()
        }
        guard let next = blocks.popFirst() else { return open(.blocks) }
        guard next.offset <= position else { return fail(.noBlock(position)) }
        block = next
        choice = ReplicaChoice(next, slow: silent.nodes)
        take(choice.first())
    }

    mutating func completed(_ checksum: UInt32) {
        guard let block else { preconditionFailure("what is read is a block") }
        read = nil
        partial = 0
        replicasTried += choice.asked
        sum.append(checksum, length: range(of: block).upperBound - range(of: block).lowerBound)
        tellSilent()
        nextBlock()
    }

    /// What is wanted of a block, while none of it is in the sum.
    private func range(of block: ValueBlock) -> Range<UInt64> {
        position - block.offset..<min(end, block.offset + block.length) - block.offset
    }

    // MARK: One block

    private mutating func take(_ step: ReplicaChoice.Step) {
        let pause = choice.pause
        switch step {
        case .ask(let place): later(pause, .ask(place))
        // Where there is no namenode, what was said at first is all there is.
        case .refetch where settings.hasNamenode: open(.refetch)
        case .reopen where settings.hasNamenode: later(pause, .open(.reopen))
        case .refetch, .reopen: fail(.exhausted(blockID, choice))
        case .exhausted:
            // Deleted meanwhile, or replaced: then the namenode's answer says so.
            let isGone = choice.faults.contains { $0.failure.status == .notFound }
            guard isGone, settings.hasNamenode else { return fail(.exhausted(blockID, choice)) }
            open(.verdict)
        }
    }

    private mutating func later(_ pause: UInt64, _ step: Step) {
        guard pause > 0 else { return go(step) }
        stage = .pausing(until: now + pause, step)
    }

    mutating func ask(_ place: Int) {
        guard let ask = replica(place, read) else {
            return failed(.unreachable(EHOSTUNREACH))
        }
        stage = .asking(place)
        actions.append(.ask(ask))
    }

    /// `nil`: there is no token for it.
    private func replica(_ place: Int, _ read: ReadID?) -> ReplicaAsk? {
        guard let block, let opening = block.opening(at: place) else { return nil }
        return ReplicaAsk(
            read: read, node: block.replicas[place].node, opening: opening, block: block,
            range: range(of: block), checksum: settings.hasNamenode ? block.checksum : nil,
            position: sum.length)
    }

    mutating func asked(_ id: ReadID) {
        read = id
        roomPauses = 0
        stage = .reading
        hedgeAt = settings.hedgePause.map { now + $0 } ?? .max
    }

    mutating func noRoom(_ place: Int) {
        roomPauses += 1
        guard roomPauses < Self.mostRoomPauses else { return fail(.noRoom) }
        stage = .pausing(until: now + Self.roomPause, .ask(place))
    }

    mutating func readFailed(_ failure: StreamFailure) {
        switch failure {
        case .sink, .passedOn: return fail(.output(failure, blockID))
        default: failed(failure)
        }
    }

    /// The replica that was asked, or was to be, is out.
    mutating func failed(_ failure: StreamFailure) {
        if let node = choice.node { note(failure, node) }
        if let asked = choice.node, let node = failure.silentNode(asked: asked) {
            silent.add(node)
        }
        let isOver = patience.isOver(at: now, after: failure.silence(settings.silence))
        take(choice.failed(failure, isOver: isOver))
    }

    private mutating func note(_ failure: StreamFailure, _ node: NodeID) {
        guard let block else { return }
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

    // MARK: Two replicas

    /// The replica that was asked is slow: the next one is asked as well.
    mutating func hedge(_ canHedge: Bool) {
        hedgeAt = .max
        guard canHedge, let read, let place = choice.hedge() else { return }
        guard let ask = replica(place, nil) else {
            _ = choice.narrowed(isRival: true, .unreachable(EHOSTUNREACH))
            hedgeAt = now
            return
        }
        actions.append(.hedge(read, ask))
    }

    mutating func narrowed(_ isRival: Bool, _ failure: StreamFailure?) {
        // Of two that are left out, the third may be asked.
        if hedgeAt == .max, settings.hedgePause != nil { hedgeAt = now }
        guard let node = choice.narrowed(isRival: isRival, failure) else { return }
        if let failure { note(failure, node) }
        // It was asked first and is passed by: the next block is asked for elsewhere.
        if !isRival, failure == nil { silent.add(node) }
    }
}
