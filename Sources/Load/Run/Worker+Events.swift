import Client
import ControlClient
import Wire

// What the engine says, and to which lane it goes.
extension Worker {
    mutating func handle(_ event: StreamEvent) {
        switch event {
        case .wantsPayload(let id, let buffer, let offset, let memory):
            guard phase.task != .ping else {
                ping.grant = PingState.Grant(buffer: buffer, count: memory.count, offset: offset)
                return pattern.fill(memory, object: PingState.object, offset: ping.base + offset)
            }
            let lane = writeLane[id.index.place]
            guard let block = lanes[lane].put?.block(id) else { return }
            pattern.fill(memory, object: lanes[lane].object, offset: block.start + offset)
            let count = memory.count
            provide(lane, id, buffer: buffer, count: count, to: offset + UInt64(count))
        case .progress(let id, let acked):
            guard phase.task != .ping else { return pinged(acked) }
            lanes[writeLane[id.index.place]].put?.progressed(id, acked, now: engine.now)
        case .sealed(let id, let seal):
            guard phase.task != .ping else {
                ping.write = nil
                return
            }
            tell(writeLane[id.index.place], .sealed(id, seal.receipt))
        case .writeFailed(let id, let failure):
            guard phase.task != .ping else {
                ping.failure = failure
                return
            }
            writeFailed(writeLane[id.index.place], id, failure)
        case .payload(let id, let buffer, let offset, let memory):
            let lane = readLane[id.index.place]
            check(lane, offset, memory)
            moved &+= UInt64(memory.count)
            engine.consumed(id, buffer: buffer)
        case .verified(let id, let bytes):
            lanes[readLane[id.index.place]].get?.verified(bytes, now: engine.now)
        case .readCompleted(let id, let checksum):
            tell(readLane[id.index.place], .completed(checksum: checksum))
        case .readFailed(let id, let failure):
            if !failure.status.blamesToken { tally.retries += 1 }
            tell(readLane[id.index.place], .failed(failure))
        case .controlOpened(let id, _): opened(id)
        case .replied(let id, let reply): replied(id, reply)
        case .callFailed(let id, let failure): callFailed(id, failure)
        case .controlFailed(let id, let failure): closed(id, failure)
        case .filled, .peeked, .peekFailed, .readNarrowed:
            preconditionFailure("every byte is made here, nobody peeks, one replica is asked")
        }
    }

    // MARK: How an operation ends

    mutating func done(_ lane: Int, bytes: UInt64) {
        tally.done(bytes: bytes, intended: lanes[lane].intended, at: engine.now)
        free(lane)
    }

    /// The operation failed: after an outage its lane rests.
    mutating func fail(_ lane: Int, _ failure: LoadFailure) {
        tally.fail(failure, at: engine.now)
        let lease = lanes[lane].lease
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
        wakes[lane] = .max
        idle.append(lane)
    }

    // MARK: Waiting

    mutating func sleep(_ lane: Int, _ nanoseconds: UInt64, _ action: Sleeper.Action) {
        let at = engine.now + nanoseconds
        sleepers.append(
            Sleeper(at: at, lane: lane, generation: lanes[lane].generation, action: action))
        nextWake = min(nextWake, at)
    }

    /// When a lane's machine has something to do by itself.
    mutating func wakeLater(_ lane: Int) {
        wakes[lane] = lanes[lane].put?.wakeAt ?? lanes[lane].get?.wakeAt ?? .max
        nextWake = min(nextWake, wakes[lane])
    }

    /// Runs what is due of the waiting lanes.
    /// - Returns: when the next one is.
    mutating func wakeSleepers() -> UInt64 {
        guard now >= nextWake else { return nextWake }
        nextWake = .max
        let sleeping = sleepers
        sleepers = []
        for sleeper in sleeping {
            if sleeper.at > now {
                sleepers.append(sleeper)
                nextWake = min(nextWake, sleeper.at)
            } else if lanes[sleeper.lane].generation == sleeper.generation {
                wake(sleeper)
            }
        }
        for lane in wakes.indices {
            if wakes[lane] <= now { wakeMachine(lane) }
            nextWake = min(nextWake, wakes[lane])
        }
        return nextWake
    }

    private mutating func wakeMachine(_ lane: Int) {
        wakes[lane] = .max
        if lanes[lane].put != nil {
            tell(lane, PutEvent.woke)
        } else {
            tell(lane, GetEvent.woke(canHedge: false))
        }
    }

    private mutating func wake(_ sleeper: Sleeper) {
        switch sleeper.action {
        case .beIdle: free(sleeper.lane)
        case .call(let purpose, let operation):
            guard let failure = call(sleeper.lane, purpose, operation) else { return }
            answered(
                CallNote(
                    lane: Int32(sleeper.lane), generation: sleeper.generation, purpose: purpose),
                .failure(failure))
        }
    }
}
