import Glibc
import Reactor
import System
import Transport
import Wire

// What follows for a stream from its file and its frames, and how it ends: sealed and answered,
// given up, or deleted on the namenode's word.
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

    // MARK: Ending

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
