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
        failWriter(of: stream, .notFound)
        guard writes.isUsed(stream) else { return unlink(deletion.block, record.device) }
        writes.at(stream).pointee.isUnlinking = true
        end(stream)
    }

    mutating func unlink(_ block: BlockID, _ device: Int) {
        deletions.unlink(block, on: device, isRead: reads.isReading(block), &core)
    }

    mutating func unlinked(_ event: Event, isRecycled: Bool) {
        switch deletions.unlinked(event, isRecycled: isRecycled, &core) {
        case .settled: break
        case .again(let block):
            if let record = core.blocks[block] { unlink(block, record.device) }
        case .failed(let device):
            failDevice(device, reason: errorText(event.outcome.errno))
        }
    }

    // MARK: Failing

    /// The device did not take the block: its stream fails, and what it holds of the block is not
    /// to be trusted.
    mutating func deviceRefused(
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
}
