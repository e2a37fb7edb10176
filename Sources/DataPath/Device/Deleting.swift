import CURing
import Glibc
import Reactor
import Wire

// How a block's file ends: on the namenode's word, and then as the next block's (`RecycledFiles`).
extension Datanode where Ring: ~Copyable {
    /// The namenode's word that a block is to go: never on our own judgement.
    mutating func delete(_ deletion: Deletion) {
        let block = deletion.block
        guard let record = index[block] else { return deny(block, deletion.epoch) }
        // Another block under the same number stays. The namenode hears again what is here, so that
        // it does not go on asking.
        guard record.isCovered(by: deletion) else { return self.record(block, record) }
        guard !deletions.isDying(block), deletions.hasRoom else { return }
        if let stream = openStreams[block] {
            let entry = streams.at(stream)
            if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .notFound) }
            guard streams.isUsed(stream) else { return unlink(block, record.device) }
            entry.pointee.isUnlinking = true
            if entry.pointee.isEnding { return endIfSettled(stream) }
            endStream(stream)
        } else {
            unlink(block, record.device)
        }
    }

    /// A block that no device of this process has. The namenode asks for one that was not reported
    /// only when its last token has ended, so nobody can make it any more.
    private mutating func deny(_ block: BlockID, _ epoch: Epoch) {
        guard openStreams[block] == nil else { return }
        record(block, BlockRecord(epoch: epoch, length: 0, checksum: 0, state: .gone, device: 0))
    }

    /// So that the namenode does not go on asking for it.
    private mutating func tellLost(_ block: BlockID) {
        guard var record = index[block] else { return }
        record.state = .lost
        self.record(block, record)
    }

    mutating func unlink(_ block: BlockID, _ device: Int) {
        guard !devices[device].isFailed else { return tellLost(block) }
        deletions.begin(block)
        let directory = devices[device].blocks
        let name = Device.name(of: block)
        guard let spare = spare(of: block, device) else {
            return start(.unlinkFile, device, argument: block.number) { memory in
                .unlink(at: directory, path: memory.storePath(name, at: 0))
            }
        }
        start(.recycleFile, device, argument: block.number) { memory in
            .rename(
                at: directory, from: memory.storePath(name, at: 0),
                to: memory.storePath(spare.name, at: 64), replacing: true)
        }
    }

    private mutating func start(
        _ kind: OperationKind, _ device: Int, argument: UInt64,
        fill: (UnsafeMutableRawPointer) -> Request
    ) {
        reactor.start(
            OperationContext(kind: kind.rawValue, owner: UInt32(device), argument: argument),
            fill: fill)
    }

    /// A deleted block's file as a spare one, or `nil` when it is to be unlinked: its length is not
    /// known, there are enough, or somebody still reads it.
    private func spare(of block: BlockID, _ device: Int) -> RecycledFiles.File? {
        guard let record = index[block], record.state == .sealed, openStreams[block] == nil else {
            return nil
        }
        let pages = BlockLayout.filePages(length: record.length)
        guard devices[device].recycled.hasRoom(pages: pages), !isBeingRead(block) else {
            return nil
        }
        return RecycledFiles.File(number: block.number, pages: pages)
    }

    private func isBeingRead(_ block: BlockID) -> Bool {
        guard readers.count > 0 else { return false }
        for reader in 0..<Int32(readers.capacity)
        where readers.isUsed(reader) && readers.at(reader).pointee.block == block { return true }
        return false
    }

    /// A deleted block's file is unlinked, or renamed to be spare.
    mutating func unlinked(_ event: Event, isRecycled: Bool) {
        let block = BlockID(event.operation.argument)
        guard let record = index[block] else { return }
        switch event.outcome {
        case .done: forget(block, record, isRecycled: isRecycled)
        case .failed(ENOENT): forget(block, record, isRecycled: false)
        case .again: unlink(block, record.device)
        case .cancelled, .disconnected, .full, .failed:
            failDevice(record.device, event.outcome)
        }
    }

    private mutating func forget(_ block: BlockID, _ record: BlockRecord, isRecycled: Bool) {
        deletions.finish(block, remembering: settings.remembersDeleted ? record.epoch : nil)
        if record.state == .sealed || record.state == .corrupt {
            let used = devices[record.device].usedBytes
            devices[record.device].usedBytes = used - min(used, record.length)
        }
        devices[record.device].isFull = false
        if isRecycled {
            let pages = BlockLayout.filePages(length: record.length)
            takeSpares(record.device, [RecycledFiles.File(number: block.number, pages: pages)])
        }
        var record = record
        record.state = .gone
        self.record(block, record)
    }

    // MARK: Spare files

    /// Keeps spare files as far as there is room for them.
    mutating func takeSpares(_ device: Int, _ spares: [RecycledFiles.File]) {
        for spare in spares where !devices[device].recycled.add(spare) {
            unlinkSpare(device, spare)
        }
    }

    /// The agent looked at the file system.
    mutating func saw(_ room: DeviceRoom, _ device: Int) {
        var open: UInt64 = 0
        for stream in 0..<Int32(streams.capacity)
        where streams.isUsed(stream) && streams.at(stream).pointee.device == device {
            let claimed = streams.at(stream).pointee.claimed
            open += claimed - min(claimed, streams.at(stream).pointee.hwm)
        }
        devices[device].isFull = !room.isThere
        devices[device].room.saw(room, reactors: share.count, open: open)
        giveUpSparesForRoom(device)
    }

    /// A new block's file is a fresh one: what it takes is to be there.
    mutating func claimRoom(_ stream: Int32, pages: UInt32) {
        let entry = streams.at(stream)
        entry.pointee.claimed = UInt64(pages) * UInt64(BlockLayout.headerBytes)
        devices[entry.pointee.device].room.claim(entry.pointee.claimed)
        giveUpSparesForRoom(entry.pointee.device)
    }

    /// Spare files make way for what is going to be written, the largest first.
    private mutating func giveUpSparesForRoom(_ device: Int) {
        while devices[device].room.isShort, giveUpSpare(device) {}
    }

    /// The device is full: what spare files hold is worth more as room.
    mutating func giveUpSpares(_ device: Int) {
        while giveUpSpare(device) {}
    }

    /// `false`: there is none, or enough are on their way.
    private mutating func giveUpSpare(_ device: Int) -> Bool {
        guard deletions.hasRoomForSpare, let spare = devices[device].recycled.takeLargest()
        else { return false }
        devices[device].room.gained(spare.bytes)
        unlinkSpare(device, spare)
        return true
    }

    private mutating func unlinkSpare(_ device: Int, _ spare: RecycledFiles.File) {
        // A file that stays for want of an operation is found again at the next start.
        guard deletions.hasRoomForSpare else { return }
        deletions.beginSpare()
        let directory = devices[device].blocks
        start(.unlinkSpare, device, argument: spare.number) { memory in
            .unlink(at: directory, path: memory.storePath(spare.name, at: 0))
        }
    }

    mutating func unlinkedSpare(_ device: Int32, _ outcome: Outcome) {
        deletions.finishSpare()
        if case .done = outcome { devices[Int(device)].isFull = false }
    }

    /// Gives back what a sealed block does not need of a longer spare file, and what its flushes
    /// wrote behind it. `true`: it is on its way, and the file is closed after it.
    mutating func trim(_ stream: Int32) -> Bool {
        let entry = streams.at(stream)
        let pages = BlockLayout.filePages(length: entry.pointee.hwm)
        var end = entry.pointee.sparePages
        if entry.pointee.flush.hasTables {
            end = max(end, BlockLayout.flushedFilePages(maxLength: entry.pointee.maxLength))
        }
        guard entry.pointee.isSealed, !entry.pointee.isUnlinking, end > pages else { return false }
        let offset = UInt64(pages) * UInt64(BlockLayout.headerBytes)
        let count = UInt64(end - pages) * UInt64(BlockLayout.headerBytes)
        entry.pointee.sparePages = 0
        entry.pointee.flush.hasTables = false
        start(
            .trimFile, stream: stream,
            .allocate(
                entry.pointee.descriptor,
                mode: Int32(FALLOC_FL_PUNCH_HOLE) | Int32(FALLOC_FL_KEEP_SIZE), offset: offset,
                count: count))
        return true
    }

    /// A file system without holes keeps the room: the block is whole all the same.
    mutating func trimmedFile(_ stream: Int32) {
        streams.at(stream).pointee.pending -= 1
        endIfSettled(stream)
    }
}
