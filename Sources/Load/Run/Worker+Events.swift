import Client
import ControlClient
import Wire

// What the engine says, and to which lane it goes.
extension Worker {
    mutating func handle(_ event: StreamEvent) {
        switch event {
        case .wantsPayload(let id, let slot, let offset, let memory):
            guard phase.task != .ping else {
                ping.grant = PingState.Grant(slot: slot, count: memory.count, offset: offset)
                return pattern.fill(memory, object: PingState.object, offset: ping.base + offset)
            }
            let lane = writeLane[Int(id.index)]
            guard let index = block(lane, id) else { return }
            let start = lanes[lane].writing[index].start
            pattern.fill(memory, object: lanes[lane].object, offset: start + offset)
            moved &+= UInt64(memory.count)
            engine.provide(id, slot: slot, count: memory.count)
            if offset + UInt64(memory.count) == lanes[lane].writing[index].length {
                lanes[lane].writing[index].isFilled = true
                writePlanned(lane)
            }
        case .progress(let id, let acked):
            guard phase.task != .ping else { return pinged(acked) }
            let lane = writeLane[Int(id.index)]
            guard let index = block(lane, id) else { return }
            if lanes[lane].writing[index].retry.progressed(acked) {
                lanes[lane].patience.progressed()
            }
        case .sealed(let id, let seal):
            guard phase.task != .ping else {
                ping.write = nil
                return
            }
            sealed(writeLane[Int(id.index)], id, seal)
        case .writeFailed(let id, let failure):
            guard phase.task != .ping else {
                ping.failure = failure
                return
            }
            writeFailed(writeLane[Int(id.index)], id, failure)
        case .payload(let id, let slot, let offset, let memory):
            let lane = readLane[Int(id.index)]
            check(lane, offset, memory)
            moved &+= UInt64(memory.count)
            engine.consumed(id, slot: slot)
        case .verified(let id, let bytes): tell(readLane[Int(id.index)], .verified(bytes))
        case .readCompleted(let id, let checksum):
            tell(readLane[Int(id.index)], .completed(checksum: checksum))
        case .readFailed(let id, let failure):
            if !failure.status.blamesToken { tally.retries += 1 }
            tell(readLane[Int(id.index)], .failed(failure))
        case .controlOpened(let id, _): opened(id)
        case .replied(let id, let reply): replied(id, reply)
        case .callFailed(let id, let failure): callFailed(id, failure)
        case .controlFailed(let id, let failure): closed(id, failure)
        case .filled, .peeked, .peekFailed, .readNarrowed:
            preconditionFailure("every byte is made here, nobody peeks, one replica is asked")
        }
    }

    /// The place of a write among its lane's blocks.
    func block(_ lane: Int, _ id: WriteID) -> Int? {
        lanes[lane].writing.firstIndex { $0.write == id }
    }

    // MARK: How an operation ends

    mutating func done(_ lane: Int, bytes: UInt64) {
        tally.done(bytes: bytes, intended: lanes[lane].intended, at: engine.now)
        free(lane)
    }

    /// The operation failed: what it holds is given back, and after an outage its lane rests.
    mutating func fail(_ lane: Int, _ failure: LoadFailure) {
        tally.fail(failure, at: engine.now)
        for block in lanes[lane].writing {
            if let write = block.write { engine.end(write) }
        }
        let lease = lanes[lane].lease
        lanes[lane].writing = []
        lanes[lane].get = nil
        lanes[lane].generation &+= 1
        if !lease.isEmpty { abandon(lane, lease) }
        guard failure.isOutage else { return free(lane) }
        sleep(lane, 100_000_000, .beIdle)
    }

    mutating func free(_ lane: Int) {
        if let object = lanes[lane].reserved { reserved.remove(object) }
        lanes[lane].reserved = nil
        lanes[lane].generation &+= 1
        lanes[lane].work = .idle
        lanes[lane].lease.removeAll()
        lanes[lane].renewAt = .max
        idle.append(lane)
    }

    // MARK: Waiting

    mutating func sleep(_ lane: Int, _ nanoseconds: UInt64, _ action: Sleeper.Action) {
        let at = engine.now + nanoseconds
        sleepers.append(
            Sleeper(at: at, lane: lane, generation: lanes[lane].generation, action: action))
        nextWake = min(nextWake, at)
    }

    /// Runs what is due of the waiting lanes.
    /// - Returns: when the next one is.
    mutating func wakeSleepers() -> UInt64 {
        guard now >= nextWake else { return nextWake }
        let sleeping = sleepers
        sleepers = []
        nextWake = .max
        for sleeper in sleeping {
            if sleeper.at > now {
                sleepers.append(sleeper)
                nextWake = min(nextWake, sleeper.at)
            } else if lanes[sleeper.lane].generation == sleeper.generation {
                wake(sleeper)
            }
        }
        return nextWake
    }

    private mutating func wake(_ sleeper: Sleeper) {
        switch sleeper.action {
        case .beIdle: free(sleeper.lane)
        case .resume(let order): resume(sleeper.lane, order)
        case .close: close(sleeper.lane)
        case .plan(let order): askForBlock(sleeper.lane, replacing: order)
        case .write: writePlanned(sleeper.lane)
        case .get: tell(sleeper.lane, .woke(canHedge: false))
        case .call(let purpose, let operation, let order):
            call(sleeper.lane, purpose, operation, order: order)
        }
    }
}
