import Client
import ControlClient
import FoundationEssentials
import Wire

// Calls to the namenode, and its answers.
extension Worker {
    mutating func dial(_ index: Int) {
        guard let namenode else { return }
        links[index].failure = nil
        links[index].id = engine.control(
            to: namenode.endpoint, at: namenode.address, cluster: nil, software: "catena-load")
        // The old connection's place is free a few turns later.
        links[index].retryAt = links[index].id == nil ? engine.now + 100_000_000 : .max
    }

    mutating func opened(_ id: ControlID) {
        guard let index = links.firstIndex(where: { $0.id == id }) else { return }
        links[index].isOpen = true
    }

    mutating func closed(_ id: ControlID, _ failure: ControlFailure) {
        guard let index = links.firstIndex(where: { $0.id == id }) else { return }
        links[index] = Link(retryAt: engine.now + 100_000_000, failure: failure)
    }

    /// Once a second: connections that were lost, and the lease of pings.
    mutating func sweep() {
        for index in links.indices where links[index].id == nil && links[index].retryAt <= now {
            dial(index)
        }
        guard now >= sweepAt else { return }
        sweepAt = now + 1_000_000_000
        guard now >= ping.renewAt, let control = links[0].id else { return }
        var message = ControlRenew()
        message.leaseID = ping.lease
        // What comes of it shows at the next block.
        if let call = engine.call(control, .renew(message)) { notes[call.index.place] = CallNote() }
        ping.renewAt = now + ping.renewPause
    }

    /// Asks the namenode for a lane. The answer comes to `answered`.
    /// - Returns: why none will come.
    mutating func call(
        _ lane: Int, _ purpose: CallNote.Purpose, _ operation: ControlRequest.OneOf_Operation
    ) -> ControlFailure? {
        let link = lane % links.count
        guard let control = links[link].id, links[link].isOpen else {
            // It is being dialled, unless it failed.
            if links[link].failure == nil { sleep(lane, 5_000_000, .call(purpose, operation)) }
            return links[link].failure
        }
        guard let call = engine.call(control, operation) else {
            sleep(lane, 1_000_000, .call(purpose, operation))
            return nil
        }
        notes[call.index.place] = CallNote(
            lane: Int32(lane), generation: lanes[lane].generation, purpose: purpose,
            operation: lanes[lane].wait == nil ? nil : operation)
        return nil
    }

    /// The same for a lane without a machine.
    mutating func ask(
        _ lane: Int, _ purpose: CallNote.Purpose, _ operation: ControlRequest.OneOf_Operation
    ) {
        guard let failure = call(lane, purpose, operation) else { return }
        fail(lane, LoadFailure(failure))
    }

    mutating func replied(_ id: CallID, _ reply: ControlReply) {
        answered(notes[id.index.place], reply.outcome)
    }

    mutating func callFailed(_ id: CallID, _ failure: ControlFailure) {
        answered(notes[id.index.place], .failure(failure))
    }

    mutating func answered(_ note: CallNote, _ result: Result<ControlReply, ControlFailure>) {
        let lane = Int(note.lane)
        switch note.purpose {
        case .nothing: return
        case .awaited:
            awaited = result.mapError { LoadFailure($0) }
            return
        default: guard lanes[lane].generation == note.generation else { return }
        }
        switch (note.purpose, result) {
        case (.nothing, _), (.awaited, _): break
        case (.get, _):
            opened(lane, result)
            countAgain(result, isAgain: lanes[lane].get != nil)
        case (.put(let call), _):
            tell(lane, PutEvent(call, result, key: key(lane)))
            countAgain(result, isAgain: lanes[lane].put != nil)
        case (.create, .success(let reply)): cycleCreated(lane, reply.create)
        case (.addBlock, .success): cyclePlanned(lane)
        case (.close, .success): cycleDone(lane)
        case (.open, .success(let reply)): opensDone(lane, reply.open)
        case (.remove, .success): done(lane, bytes: 0)
        case (.remove, .failure(.refused(let refusal))) where refusal.code == .notFound:
            done(lane, bytes: 0)
        case (_, .failure(let failure)): callAgain(lane, note, failure)
        }
    }

    /// A bound of the namenode was reached, and the machine asks again.
    private mutating func countAgain(
        _ result: Result<ControlReply, ControlFailure>, isAgain: Bool
    ) {
        guard case .failure(.refused(let refusal)) = result, refusal.code == .busy, isAgain
        else { return }
        tally.retries += 1
    }

    /// A moment later there may be room. A lane without a machine waits as the machines do.
    private mutating func callAgain(_ lane: Int, _ note: CallNote, _ failure: ControlFailure) {
        guard let operation = note.operation,
            let pause = lanes[lane].wait?.pause(after: failure, at: engine.now)
        else { return fail(lane, LoadFailure(failure)) }
        tally.retries += 1
        sleep(lane, pause, .call(note.purpose, operation))
    }

    mutating func abandon(_ lane: Int, _ lease: Data) {
        var message = ControlAbandon()
        message.leaseID = lease
        let link = lane % links.count
        guard let control = links[link].id,
            let call = engine.call(control, .abandon(message))
        else { return }
        notes[call.index.place] = CallNote()
    }

    /// Asks and takes the engine's events until the answer is there: for what is done once.
    mutating func callAndWait(
        _ operation: ControlRequest.OneOf_Operation
    ) throws(LoadFailure) -> ControlReply {
        awaited = nil
        let deadline = engine.now + 30_000_000_000
        var isAsked = false
        while engine.now < deadline {
            now = engine.now
            sweep()
            if !isAsked, let control = links[0].id, links[0].isOpen,
                let call = engine.call(control, operation)
            {
                notes[call.index.place] = CallNote(purpose: .awaited)
                isAsked = true
            }
            if !isAsked, let failure = links[0].failure { throw LoadFailure(failure) }
            while let event = engine.nextEvent() { handle(event) }
            if let awaited { return try awaited.get() }
            engine.turn(waitUntil: now + 100_000_000)
        }
        throw LoadFailure(.unavailable, "the namenode did not answer in time")
    }
}
