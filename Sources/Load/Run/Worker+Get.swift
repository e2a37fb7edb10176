import Client
import FoundationEssentials
import Glibc
import Wire

// A get: OPEN, then block after block, each from one replica or the next.
extension Worker {
    mutating func beginGet(_ lane: Int) {
        lanes[lane].work = .get
        if let chain {
            lanes[lane].length = plan.size ?? 0
            lanes[lane].blocks = chain.blocks(lanes[lane].object, length: lanes[lane].length)
            return readNext(lane)
        }
        open(lane, .open, at: 0)
    }

    private mutating func open(_ lane: Int, _ purpose: CallNote.Purpose, at offset: UInt64) {
        var message = ControlOpen()
        message.key = key(lane)
        message.location = plan.location
        message.offset = offset
        call(lane, purpose, .open(message))
    }

    mutating func opened(_ lane: Int, _ reply: ControlOpenReply) {
        if lanes[lane].work == .open { return opensDone(lane, reply) }
        if lanes[lane].value == nil {
            lanes[lane].value = reply.value
            lanes[lane].length = reply.length
            if let size = plan.size, size != reply.length {
                return fail(
                    lane,
                    LoadFailure(
                        .corrupt, "\(key(lane)) has \(reply.length) bytes, --size says \(size)"))
            }
        }
        guard lanes[lane].value == reply.value else { return wasReplaced(lane) }
        do throws(ClientError) {
            lanes[lane].blocks = try valueBlocks(reply.blocks)
            lanes[lane].place = 0
        } catch {
            return fail(lane, LoadFailure(error))
        }
        readNext(lane)
    }

    private mutating func wasReplaced(_ lane: Int) {
        fail(lane, LoadFailure(.retryLater, "\(key(lane)) was replaced while it was read"))
    }

    private mutating func readNext(_ lane: Int) {
        guard lanes[lane].position < lanes[lane].length else { return getDone(lane) }
        guard lanes[lane].place < lanes[lane].blocks.count else {
            // A long value's blocks do not fit one answer.
            guard !lanes[lane].blocks.isEmpty else {
                return fail(
                    lane,
                    LoadFailure(
                        .software,
                        "no block of \(key(lane)) holds byte \(lanes[lane].position)"))
            }
            lanes[lane].blocks = []
            return open(lane, .open, at: lanes[lane].position)
        }
        let block = lanes[lane].blocks[lanes[lane].place]
        lanes[lane].choice = ReplicaChoice(block)
        takeLater(lane, lanes[lane].choice.first())
    }

    /// Asks a replica, or for another token, or gives up.
    mutating func take(_ lane: Int, _ step: ReplicaChoice.Step) {
        let block = lanes[lane].blocks[lanes[lane].place]
        switch step {
        case .exhausted: exhausted(lane, block)
        case .refetch, .reopen:
            // A chain without a namenode is all there is.
            guard chain == nil else { return exhausted(lane, block) }
            open(lane, .openAgain, at: block.offset)
        case .ask(let place):
            let node = block.replicas[place].node
            guard let address = address(of: node), let opening = block.opening(at: place) else {
                return readFailed(lane, .unreachable(EHOSTUNREACH))
            }
            if let read = lanes[lane].read {
                guard engine.redirect(read, to: address, opening: opening) else {
                    return sleep(lane, 1_000_000, .read(step))
                }
                return
            }
            let assembly = ReadAssembly(
                block: block.block, epoch: block.epoch, blockLength: block.length,
                range: 0..<block.length, checksum: chain == nil ? block.checksum : nil)
            let request = ReadRequest(
                assembly: assembly, opening: opening, address: address)
            guard let read = engine.read(request) else {
                return sleep(lane, 1_000_000, .read(step))
            }
            lanes[lane].read = read
            readLane[Int(read.index)] = lane
        }
    }

    mutating func readFailed(_ lane: Int, _ failure: StreamFailure) {
        if !failure.status.blamesToken { tally.retries += 1 }
        takeLater(lane, lanes[lane].choice.failed(failure, isOver: isOver(lane, failure)))
    }

    /// Takes a step when its pause is over.
    private mutating func takeLater(_ lane: Int, _ step: ReplicaChoice.Step) {
        lanes[lane].isReopening = step == .reopen
        let pause = lanes[lane].choice.pause
        if pause > 0 { sleep(lane, pause, .read(step)) } else { take(lane, step) }
    }

    private mutating func exhausted(_ lane: Int, _ block: ValueBlock) {
        let faults = lanes[lane].choice.faults
        let isCorrupt = faults.contains { $0.failure.status == .corrupt }
        if isCorrupt { tally.wrong += 1 }
        let reason = lanes[lane].choice.last?.sentence ?? "no datanode that holds it is known"
        fail(
            lane,
            LoadFailure(
                isCorrupt ? .corrupt : .unavailable,
                "no replica of block \(block.block) of \(key(lane)) could be read: \(reason)"))
    }

    mutating func openedAgain(_ lane: Int, _ reply: ControlOpenReply) {
        guard lanes[lane].value == reply.value else { return wasReplaced(lane) }
        let wanted = lanes[lane].blocks[lanes[lane].place]
        do throws(ClientError) {
            let blocks = try valueBlocks(reply.blocks)
            guard let same = blocks.first(where: { $0.block == wanted.block }) else {
                return wasReplaced(lane)
            }
            lanes[lane].blocks[lanes[lane].place] = same
            guard lanes[lane].isReopening else {
                lanes[lane].choice.replace(same)
                return take(lane, lanes[lane].choice.again())
            }
            let isOver = lanes[lane].patience.isOver(at: engine.now)
            takeLater(lane, lanes[lane].choice.reopen(same, isOver: isOver))
        } catch {
            return fail(lane, LoadFailure(error))
        }
    }

    mutating func readCompleted(_ lane: Int) {
        let block = lanes[lane].blocks[lanes[lane].place]
        lanes[lane].read = nil
        lanes[lane].position = block.offset + block.length
        lanes[lane].place += 1
        readNext(lane)
    }

    private mutating func getDone(_ lane: Int) {
        guard let place = lanes[lane].wrongAt else {
            return done(lane, bytes: lanes[lane].length)
        }
        tally.wrong += 1
        fail(
            lane,
            LoadFailure(
                .corrupt, "byte \(place) of \(key(lane)) is not what seed \(plan.seed) makes"))
    }
}
