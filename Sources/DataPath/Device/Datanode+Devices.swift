import Reactor
import System
import Wire

// Where blocks, devices and open streams meet: a block is deleted under its readers and its writer,
// and a device fails under all of its streams.
extension Datanode where Ring: ~Copyable {
    // MARK: Deleting

    /// The namenode's word that a block is to go.
    mutating func delete(_ deletion: Deletion) {
        guard deletions.isDue(deletion, &core), let record = core.blocks[deletion.block] else {
            return
        }
        guard let stream = core.blocks.stream(of: deletion.block) else {
            return unlink(deletion.block, record.device)
        }
        let entry = writes.at(stream)
        if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .notFound) }
        guard writes.isUsed(stream) else { return unlink(deletion.block, record.device) }
        entry.pointee.isUnlinking = true
        if entry.pointee.isEnding { return endIfSettled(stream) }
        endStream(stream)
    }

    mutating func unlink(_ block: BlockID, _ device: Int) {
        deletions.unlink(block, on: device, isRead: reads.isReading(block), &core)
    }

    mutating func unlinked(_ event: Event, isRecycled: Bool) {
        switch deletions.unlinked(event, isRecycled: isRecycled, &core) {
        case .settled: break
        case .again(let block):
            if let record = core.blocks[block] { unlink(block, record.device) }
        case .failed(let device): failDevice(device, event.outcome)
        }
    }

    // MARK: Failing

    /// Takes a device out of service: nothing more is written there or acked from it.
    mutating func failDevice(_ device: Int, _ outcome: Outcome) {
        failDevice(device, reason: errorText(outcome.errno))
    }

    mutating func failDevice(_ device: Int, reason: String) {
        guard core.blocks.fail(device, reason: reason) else { return }
        for stream in 0..<Int32(writes.capacity)
        where writes.isUsed(stream) && writes.at(stream).pointee.device == device {
            refuse(stream, .deviceFailed, reason)
        }
    }

    /// Ends a stream whose device does not take its block.
    mutating func refuse(
        _ stream: StreamIndex, _ status: Status, _ reason: String
    ) {
        let entry = writes.at(stream)
        guard !entry.pointee.isEnding else { return }
        let path = core.blocks.devices[entry.pointee.device].path
        let text = "\(status.explanation): \(path) (\(reason))"
        if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, status, text) }
        guard writes.isUsed(stream) else { return }
        abandon(stream)
    }

    /// The block's file does not hold what was written to it. A sealed copy is condemned, as by a
    /// reader or the scrub; an open one is given up.
    mutating func failCorrupt(stream: StreamIndex, _ finding: ScrubFinding) {
        let entry = writes.at(stream)
        core.condemn(entry.pointee.block, finding)
        if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .corrupt) }
        guard writes.isUsed(stream) else { return }
        abandon(stream)
    }

    private static var elsewhere: String { "another reactor found it out of service" }

    /// Tells the other reactors of devices that failed here; who could not be told is told in a
    /// later turn.
    mutating func tellFailures() {
        for device in core.blocks.devices.indices where core.blocks.owesFailure(of: device) {
            if neighbours.tell(.deviceFailed(device, reason: Self.elsewhere)) {
                core.blocks.toldFailure(of: device)
            }
        }
    }
}
