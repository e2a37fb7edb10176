import Client
import ControlClient
import FoundationEssentials
import Wire

// A get: the library's `GetMachine`, one in each lane.
extension Worker {
    mutating func beginGet(_ lane: Int) {
        lanes[lane].work = .get
        var settings = GetSettings(key: key(lane), engine: engine.settings)
        settings.location = plan.location
        // What is measured is the replica that was asked.
        settings.hedgePause = nil
        settings.hasNamenode = chain == nil
        lanes[lane].get = GetMachine(settings)
        tell(lane, GetEvent.began)
    }

    mutating func tell(_ lane: Int, _ event: GetEvent) {
        guard let actions = lanes[lane].get?.take(event, now: engine.now) else { return }
        for action in actions { perform(lane, action) }
        wakeLater(lane)
    }

    mutating func opened(_ lane: Int, _ answer: Result<ControlReply, ControlFailure>) {
        // A value that was replaced meanwhile is the machine's to tell.
        if lanes[lane].get?.value == nil, case .success(let reply) = answer,
            let size = plan.size, size != reply.open.length
        {
            lanes[lane].get = nil
            let sentence = "\(key(lane)) has \(reply.open.length) bytes, --size says \(size)"
            return fail(lane, LoadFailure(.corrupt, sentence))
        }
        tell(lane, GetEvent(answer))
    }

    private mutating func perform(_ lane: Int, _ action: GetAction) {
        switch action {
        case .open(let message, _):
            guard let chain else {
                guard let failure = call(lane, .get, .open(message)) else { return }
                return tell(lane, .notOpened(failure))
            }
            let length = plan.size ?? 0
            let blocks = chain.blocks(lanes[lane].object, length: length)
            tell(
                lane, .opened(OpenValue(value: 0, key: key(lane), length: length, blocks: blocks)))
        case .ask(let ask): tell(lane, answer(lane, ask))
        case .end(let read): engine.end(read)
        // The namenode misses its heartbeats by itself, and every lane would say the same.
        case .tell, .waiting: break
        case .hedge: preconditionFailure("one replica is asked at a time")
        case .finish(let failure):
            if let failure { getFailed(lane, failure) } else { getDone(lane) }
        }
    }

    private mutating func answer(_ lane: Int, _ ask: ReplicaAsk) -> GetEvent {
        guard let address = address(of: ask.node) else { return .noAddress }
        guard let read = engine.ask(ask, at: address) else { return .noRoom }
        readLane[read.index.place] = lane
        return .asked(read)
    }

    private mutating func getFailed(_ lane: Int, _ failure: GetFailure) {
        lanes[lane].get = nil
        switch failure {
        case .exhausted(let block, let choice):
            let isCorrupt = choice.faults.contains { $0.failure.status == .corrupt }
            if isCorrupt { tally.wrong += 1 }
            let reason = choice.last?.sentence ?? "no datanode that holds it is known"
            fail(
                lane,
                LoadFailure(
                    isCorrupt ? .corrupt : .unavailable,
                    "no replica of block \(block) of \(key(lane)) could be read: \(reason)"))
        case .replaced:
            fail(lane, LoadFailure(.retryLater, "\(key(lane)) was replaced while it was read"))
        case .call(let failure): fail(lane, LoadFailure(failure))
        default:
            let settings = GetSettings(key: key(lane), engine: engine.settings)
            fail(lane, LoadFailure(ClientError(failure, settings)))
        }
    }

    private mutating func getDone(_ lane: Int) {
        let length = lanes[lane].get?.value?.length ?? 0
        lanes[lane].get = nil
        guard let place = lanes[lane].wrongAt else { return done(lane, bytes: length) }
        tally.wrong += 1
        fail(
            lane,
            LoadFailure(
                .corrupt, "byte \(place) of \(key(lane)) is not what seed \(plan.seed) makes"))
    }
}

extension Worker {
    /// Compares delivered bytes with what was put there, while they are in the cache.
    mutating func check(_ lane: Int, _ offset: UInt64, _ memory: UnsafeRawBufferPointer) {
        guard plan.verify, lanes[lane].wrongAt == nil, let block = lanes[lane].get?.block
        else { return }
        let start = block.offset + offset
        guard
            let place = pattern.firstDifference(
                memory, object: lanes[lane].object, offset: start)
        else { return }
        lanes[lane].wrongAt = start + UInt64(place)
    }
}
