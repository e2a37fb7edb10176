import Glibc
import Reactor
import System
import Wire

// What follows for a stream from its file and its frames, and how it ends: sealed and answered,
// abandoned after a device's failure, or deleted on the namenode's word.
extension Datanode where Ring: ~Copyable {
    /// Does what follows from a completion of the stream's.
    mutating func follow(_ next: WritePath<Ring>.Next, _ stream: StreamIndex) {
        switch next {
        case .nothing: break
        case .proceed: proceed(stream)
        case .settle: endIfSettled(stream)
        case .loaded:
            proceed(stream)
            if let entry = writes.live(stream), entry.pointee.upstream >= 0 {
                hasRoom(entry.pointee.upstream)
            }
        case .sealed(let level): sealReached(stream, level)
        case .flushed:
            writes.at(stream).pointee.flush.complete()
            core.counters.flushesDone &+= 1
            proceed(stream)
        case .refused(let status): endStream(stream, status)
        case .foreign: endStream(stream, .sealed)
        case .failed(let outcome):
            let isFull = if case .full = outcome { true } else { false }
            deviceRefused(stream, isFull ? .noSpace : .deviceFailed, outcome)
        case .syncFailed(let outcome): deviceRefused(stream, .deviceFailed, outcome)
        case .deviceLost(let device, let outcome):
            failDevice(device, outcome)
            endIfSettled(stream)
        case .corrupt(let finding): failCorrupt(stream: stream, finding)
        }
    }

    mutating func wroteData(_ stream: StreamIndex, _ event: Event) {
        guard let next = writes.wrote(stream, event, &core) else { return }
        releasePayload(event.operation.buffer)
        follow(next, stream)
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
            let (covered, isNextDue) = writes.syncs.directoryFinished(on: device)
            for stream in covered { follow(writes.synced(stream, outcome, &core), stream) }
            guard isNextDue else { return }
            guard core.blocks.devices[device].isFailed else {
                return writes.syncs.startDirectory(device, &core)
            }
            outcome = .failed(EIO)
        }
    }

    // MARK: A device that refuses

    /// The device did not take the block: its stream fails, and what it holds of the block is not
    /// to be trusted.
    private mutating func deviceRefused(_ stream: StreamIndex, _ status: Status, _ outcome: Outcome)
    {
        let device = writes.at(stream).pointee.device
        if status == .noSpace {
            core.blocks.filled(device)
        } else {
            failDevice(device, outcome)
        }
        guard writes.live(stream) != nil else { return }
        refuse(stream, status, errorText(outcome.errno))
    }

    // MARK: Ending

    /// Fails the writer, and gives the block up.
    private mutating func endStream(_ stream: StreamIndex, _ status: Status) {
        let upstream = writes.at(stream).pointee.upstream
        if upstream >= 0 { fail(upstream, status) }
        // A sealed block's stream ended with its connection.
        if writes.live(stream) != nil { abandon(stream) }
    }

    /// Ends a stream whose block is sealed, or was given up. Everything it holds comes back; it is
    /// freed when the kernel has let go of the rest.
    mutating func endStream(_ stream: StreamIndex) {
        let entry = writes.at(stream)
        guard !entry.pointee.isEnding else { return }
        precondition(entry.pointee.upstream < 0, "a stream ends after its connection let go of it")
        letGo(stream)
        entry.pointee.isEnding = true
        while let buffer = entry.pointee.writes.takeUnissued() { releasePayload(buffer) }
        endIfSettled(stream)
    }

    /// Gives back what a stream holds for its connection: the chain behind, frames beyond a gap, a
    /// duplicate.
    mutating func letGo(_ stream: StreamIndex) {
        writes.at(stream).pointee.isWindowFull = false
        dropSuccessor(stream)
        while let buffer = writes.dropHeld(stream) { releasePayload(buffer) }
        if let buffer = writes.takeComparing(stream) { releasePayload(buffer) }
    }

    /// Gives an unfinished block up: what is on the device stays, but only what was
    /// flushed is vouched for.
    mutating func abandon(_ stream: StreamIndex) {
        let entry = writes.at(stream)
        guard !entry.pointee.isEnding else { return }
        let device = entry.pointee.device
        if entry.pointee.seal.reached == nil, !entry.pointee.isUnlinking {
            core.blocks.record(
                entry.pointee.block,
                BlockRecord(
                    epoch: entry.pointee.epoch, length: entry.pointee.flush.durable, checksum: 0,
                    state: core.blocks.devices[device].isFailed ? .lost : .mayBeLost,
                    device: device, incarnation: entry.pointee.incarnation))
        }
        endStream(stream)
    }

    mutating func endIfSettled(_ stream: StreamIndex) {
        guard let end = writes.endIfSettled(stream, &core), end.isUnlinking else { return }
        unlink(end.block, end.device)
    }
}
