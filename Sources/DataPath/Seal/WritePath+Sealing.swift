import Reactor
import Wire

// The course of a seal on this node: its bytes and its checksum are here, the chain behind is
// asked, the file names it, a sync may follow. `WritePath.answer` tells the writer.
extension WritePath where Ring: ~Copyable {
    /// Asks the chain behind, if there is one, for what is received whole: a flush's prefix, and
    /// the seal behind the last frame. A seal whose checksum is right is accepted here.
    /// - Returns: what is wrong with what the writer asked for.
    mutating func askChain(_ stream: StreamIndex) -> Status? {
        guard let entry = live(stream) else { return nil }
        entry.pointee.takeReachedFlush()
        guard entry.pointee.maySeal, !entry.pointee.seal.isAccepted else { return nil }
        guard entry.pointee.hasGoodChecksum() else { return .sealMismatch }
        entry.pointee.seal.isAccepted = true
        successors.appendSeal(to: stream)
        return nil
    }

    /// A flush begins, then the seal, when their bytes are on the device.
    ///
    /// A flush's sync begins when the header is written (`BlockFiles.described`). The sync of a
    /// durable seal begins here, with the header on the device already: a writer may come back and
    /// ask for more than `written` long after that.
    mutating func beginFlushOrSeal(_ stream: StreamIndex, _ core: inout Core<Ring>) {
        guard let entry = live(stream) else { return }
        entry.pointee.beginFlush()
        if entry.pointee.beginSeal() {
            _ = files.perform(entry.pointee.file.sync(), stream, &entry.pointee, &core)
        }
    }

    /// The file says that the block is sealed, and what that survives.
    mutating func sealed(_ stream: StreamIndex, _ level: Level, _ core: inout Core<Ring>) {
        let entry = at(stream)
        if entry.pointee.seal.reached == nil {
            core.counters.blocksSealed &+= 1
            core.blocks.use(entry.pointee.hwm, on: entry.pointee.device)
            core.blocks.record(
                entry.pointee.block,
                BlockRecord(
                    epoch: entry.pointee.epoch, length: entry.pointee.hwm,
                    checksum: entry.pointee.seal.checksum, state: .sealed,
                    device: entry.pointee.device, incarnation: entry.pointee.incarnation))
        }
        entry.pointee.seal.reached = level
    }

    /// Nobody waits for a sealed block's stream any more.
    func isOver(_ stream: StreamIndex) -> Bool {
        guard let entry = live(stream) else { return false }
        return entry.pointee.isSealSettled && entry.pointee.upstream == nil
    }
}
