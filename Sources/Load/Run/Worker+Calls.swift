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

    /// Once a second: connections that were lost, and leases that would end.
    mutating func sweep() {
        for index in links.indices where links[index].id == nil && links[index].retryAt <= now {
            dial(index)
        }
        guard now >= sweepAt else { return }
        sweepAt = now + 1_000_000_000
        for lane in lanes.indices where lanes[lane].renewAt <= now {
            lanes[lane].renewAt = now + lanes[lane].leaseMilliseconds * 1_000_000 / 3
            var message = ControlRenew()
            message.leaseID = lanes[lane].lease
            call(lane, .renew, .renew(message))
        }
    }

    /// Asks the namenode for a lane. The answer comes to `answered`.
    mutating func call(
        _ lane: Int, _ purpose: CallNote.Purpose, _ operation: ControlRequest.OneOf_Operation,
        order: Int = 0
    ) {
        let link = lane % links.count
        guard let control = links[link].id, links[link].isOpen else {
            guard let failure = links[link].failure else {
                // It is being dialled.
                return sleep(lane, 5_000_000, .call(purpose, operation, order: order))
            }
            return answered(note(lane, purpose, order), .failure(failure))
        }
        guard let call = engine.call(control, operation) else {
            return sleep(lane, 1_000_000, .call(purpose, operation, order: order))
        }
        notes[Int(call.index)] = note(lane, purpose, order)
    }

    private func note(_ lane: Int, _ purpose: CallNote.Purpose, _ order: Int) -> CallNote {
        CallNote(
            lane: Int32(lane), generation: lanes[lane].generation, purpose: purpose, order: order)
    }

    mutating func replied(_ id: CallID, _ reply: ControlReply) {
        guard reply.code != .ok else { return answered(notes[Int(id.index)], .success(reply)) }
        let refusal = ControlFailure.Refusal(
            code: reply.code, message: reply.message, live: Int(reply.liveNodes),
            needed: Int(reply.neededNodes))
        answered(notes[Int(id.index)], .failure(.refused(refusal)))
    }

    mutating func callFailed(_ id: CallID, _ failure: ControlFailure) {
        answered(notes[Int(id.index)], .failure(failure))
    }

    private mutating func answered(
        _ note: CallNote, _ result: Result<ControlReply, ControlFailure>
    ) {
        if note.purpose == .awaited {
            awaited = result.mapError { LoadFailure($0) }
            return
        }
        let lane = Int(note.lane)
        guard note.purpose != .nothing, lanes[lane].generation == note.generation else { return }
        let code: ControlCode =
            if case .failure(.refused(let refusal)) = result { refusal.code } else { .ok }
        switch (note.purpose, result) {
        case (.get, _): opened(lane, result)
        case (.create, .success(let reply)): created(lane, reply.create)
        case (.addBlock, .success(let reply)): planned(lane, reply.addBlock)
        case (.replaceBlock, .success(let reply)):
            replaced(lane, order: note.order, reply.addBlock)
        case (.close, .success): committed(lane)
        case (.open, .success(let reply)): opensDone(lane, reply.open)
        case (.remove, .success): done(lane, bytes: 0)
        case (.remove, .failure) where code == .notFound: done(lane, bytes: 0)
        case (.renew, .success), (.nothing, _), (.awaited, _): break
        // A namenode that does not answer is asked again; only its own word ends a lease.
        case (.renew, .failure(let failure)):
            if code == .leaseExpired { fail(lane, LoadFailure(failure)) }
        case (.addBlock, .failure(let failure)), (.replaceBlock, .failure(let failure)):
            notPlanned(lane, note, LoadFailure(failure), code)
        case (.close, .failure(let failure)) where code.canPass:
            notClosed(lane, LoadFailure(failure))
        case (_, .failure(let failure)): fail(lane, LoadFailure(failure))
        }
    }

    mutating func abandon(_ lane: Int, _ lease: Data) {
        var message = ControlAbandon()
        message.leaseID = lease
        let link = lane % links.count
        guard let control = links[link].id,
            let call = engine.call(control, .abandon(message))
        else { return }
        notes[Int(call.index)] = CallNote()
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
                notes[Int(call.index)] = CallNote(purpose: .awaited)
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
