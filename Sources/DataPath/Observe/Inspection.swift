import Reactor
import Wire

/// What a checker may know of one open block, taken between two turns.
package struct BlockInspection {
    package let hwm: UInt64
    /// This node's own offsets.
    package let own: Progress
    /// What the chain behind said, and what was told to the node before.
    package let behind: Progress
    package let sent: Progress
    package let isTail: Bool
    package let heldFrames: Int
    package let frames: Int
    package let position: Int
    /// CRC32C of the chunks that the HWM has passed completely.
    package let wholeChunks: [UInt32]
}

extension Datanode where Ring: ~Copyable {
    /// `nil` when the block is not open for writing here, is sealed already, or its stream is
    /// ending.
    package func inspect(_ block: BlockID) -> BlockInspection? {
        guard let index = core.blocks.stream(of: block), writes.isUsed(index) else { return nil }
        let entry = writes.at(index)
        guard !entry.pointee.isEnding, !entry.pointee.isSealSettled else { return nil }
        let whole = Int(entry.pointee.hwm / UInt64(Limits.chunkBytes))
        return BlockInspection(
            hwm: entry.pointee.hwm, own: entry.pointee.join.own, behind: entry.pointee.join.behind,
            sent: entry.pointee.join.sent, isTail: entry.pointee.isTail,
            heldFrames: entry.pointee.held.count, frames: entry.pointee.frames,
            position: entry.pointee.position,
            wholeChunks: (0..<whole).map { entry.pointee.table[$0] })
    }

    /// Payload and metadata buffers that nobody holds.
    package var freeBuffers: (payload: Int, metadata: Int) { core.buffers.free }

    package var openCounts: (connections: Int, streams: Int, readers: Int) {
        (core.transport.count, writes.count, reads.count)
    }
}
