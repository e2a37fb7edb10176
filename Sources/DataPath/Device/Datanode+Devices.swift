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
}
