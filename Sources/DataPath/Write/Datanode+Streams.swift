import Glibc
import Reactor
import System
import Transport
import Wire

// What follows for a stream from its file, its frames and its chain, and how it ends: sealed and
// answered, abandoned after a device's failure, or deleted on the namenode's word.
extension Datanode where Ring: ~Copyable {
    /// Does what follows from a frame or a completion of the stream's.
    mutating func follow(_ next: StreamNext, _ stream: StreamIndex) {
        switch next {
        case .nothing: break
        case .proceed: proceed(stream)
        case .resume:
            proceed(stream)
            if let entry = writes.live(stream), let writer = entry.pointee.upstream {
                resume(writer)
            }
        case .ending: endIfSettled(stream)
        case .sealed(let level):
            writes.sealed(stream, level, &core)
            proceed(stream)
            if writes.isOver(stream) { end(stream) }
        case .flushed:
            writes.at(stream).pointee.flush.complete()
            core.counters.flushesDone &+= 1
            proceed(stream)
        case .refused(let status): failWriter(of: stream, status)
        case .givenUp(let status): giveUp(stream, status)
        case .failed(let outcome):
            let isFull = if case .full = outcome { true } else { false }
            deviceRefused(stream, isFull ? .noSpace : .deviceFailed, outcome)
        case .syncFailed(let outcome): deviceRefused(stream, .deviceFailed, outcome)
        case .deviceLost(let device, let outcome):
            failDevice(device, reason: errorText(outcome.errno))
            endIfSettled(stream)
        case .corrupt(let finding):
            // A sealed copy is condemned, as by a reader or the scrub; an open one is given up.
            core.condemn(writes.at(stream).pointee.block, finding)
            giveUp(stream, .corrupt)
        }
    }

    // MARK: Syncs

    mutating func syncedFile(_ stream: StreamIndex, _ outcome: Outcome) {
        let device = writes.at(stream).pointee.device
        follow(writes.synced(stream, outcome, &core), stream)
        while let next = writes.nextSync(on: device, &core) {
            follow(writes.gaveUpSync(next), next)
        }
    }

    mutating func syncedDirectory(_ device: Int, _ outcome: Outcome) {
        var outcome = outcome
        while true {
            let (covered, isNextDue) = writes.files.syncs.directoryFinished(on: device)
            for stream in covered { follow(writes.synced(stream, outcome, &core), stream) }
            guard isNextDue else { return }
            guard core.blocks.devices[device].isFailed else {
                return writes.files.syncs.startDirectory(device, &core)
            }
            outcome = .failed(EIO)
        }
    }

    // MARK: Its chain

    /// A frame of a successor is here, or the payload of its answer.
    mutating func heardSuccessor(_ index: ConnectionIndex, isAnswer: Bool) {
        let stream = core.transport.at(index).role.stream
        guard let stream else { return close(index) }
        let entry = writes.at(stream)
        let heard =
            isAnswer
            ? writes.successors.hearAnswer(index, stream, &entry.pointee, &core)
            : writes.successors.hear(index, stream, &entry.pointee, &core)
        switch heard {
        case .answer: self.heard(index, core.transport.receiveAnswer(index))
        case .progress:
            continueReceiving(index)
            proceed(stream)
        case .lost(let loss): successorLost(stream, loss)
        }
    }

    /// A frame went to the stream's successor, or did not.
    mutating func forwarded(
        _ buffer: BufferIndex, bytes: Int, _ index: ConnectionIndex, isWhole: Bool
    ) {
        let stream = core.transport.at(index).role.stream
        guard let stream else { return release(buffer) }
        let entry = writes.at(stream)
        guard isWhole else {
            return successorLost(
                stream, writes.successors.notSent(buffer, stream, &entry.pointee, &core))
        }
        writes.successors.sent(buffer, bytes: bytes, stream, &entry.pointee, &core)
        proceed(stream)
    }

    mutating func successorLost(_ stream: StreamIndex, _ status: Status, _ text: String) {
        let entry = writes.at(stream)
        successorLost(stream, Successors<Ring>.Loss(&entry.pointee, status, text))
    }

    /// The stream's chain behind this node is gone: the writer is told why, and by whom.
    mutating func successorLost(_ stream: StreamIndex, _ loss: Successors<Ring>.Loss) {
        let entry = writes.at(stream)
        writes.successors.drop(stream, &entry.pointee, &core)
        if let writer = entry.pointee.upstream { fail(writer, loss.status, loss.report) }
    }

    // MARK: Ending

    /// The device did not take the block: its stream fails, and what it holds of the block is not
    /// to be trusted.
    private mutating func deviceRefused(
        _ stream: StreamIndex, _ status: Status, _ outcome: Outcome
    ) {
        let device = writes.at(stream).pointee.device
        let reason = errorText(outcome.errno)
        if status == .noSpace {
            core.blocks.filled(device)
        } else {
            failDevice(device, reason: reason)
        }
        giveUp(stream, status, core.refusal(of: device, status, reason))
    }

    /// Takes a device out of service: nothing more is written there or acked from it.
    mutating func failDevice(_ device: Int, reason: String) {
        guard core.blocks.fail(device, reason: reason) else { return }
        let text = core.refusal(of: device, .deviceFailed, reason)
        for stream in writes.places
        where writes.isUsed(stream) && writes.at(stream).pointee.device == device {
            giveUp(stream, .deviceFailed, text)
        }
    }

    /// Tells a stream's writer, if it has one, what is wrong.
    mutating func failWriter(of stream: StreamIndex, _ status: Status, _ text: String? = nil) {
        if let writer = writes.at(stream).pointee.upstream { fail(writer, status, text) }
    }

    /// Fails the writer, and gives the block up. A sealed block's stream ends with its connection.
    mutating func giveUp(_ stream: StreamIndex, _ status: Status, _ text: String? = nil) {
        guard writes.live(stream) != nil else { return }
        failWriter(of: stream, status, text)
        guard writes.live(stream) != nil else { return }
        writes.abandon(stream, &core)
        endIfSettled(stream)
    }

    /// Gives up the blocks that the namespace may not know, and that nobody writes any more.
    mutating func giveUpForgotten() {
        for stream in writes.places
        where writes.isForgotten(stream, &core) { giveUp(stream, .superseded) }
    }

    mutating func end(_ stream: StreamIndex) {
        writes.end(stream, &core)
        endIfSettled(stream)
    }

    mutating func endIfSettled(_ stream: StreamIndex) {
        guard let end = writes.endIfSettled(stream, &core), end.isUnlinking else { return }
        unlink(end.block, end.device)
    }
}
