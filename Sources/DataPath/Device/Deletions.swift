import Glibc
import Reactor
import Wire

/// How a block's file ends: on the namenode's word, and then as the next block's (`RecycledFiles`);
/// and how spare files end, when their room is needed.
struct Deletions<Ring: RingBackend & ~Copyable>: ~Copyable {
    /// Spare files that are being unlinked.
    private var spares = 0

    /// What became of a block's file.
    enum End {
        case settled
        /// To be tried once more.
        case again(BlockID)
        /// The device could not do it.
        case failed(device: Int)
    }

    /// Whether a block is to go now on the namenode's word: never on our own judgement.
    mutating func isDue(_ deletion: Deletion, _ core: inout Core<Ring>) -> Bool {
        let block = deletion.block
        guard let record = core.blocks[block] else {
            deny(block, deletion.epoch, &core)
            return false
        }
        // Another block under the same number stays. The namenode hears again what is here, so that
        // it does not go on asking.
        guard record.isCovered(by: deletion) else {
            core.blocks.record(block, record)
            return false
        }
        return !core.blocks.isDying(block) && core.blocks.hasRoomForDeletion
    }

    /// A block that no device of this process has. The namenode asks for one that was not reported
    /// only when its last token has ended, so nobody can make it any more.
    private func deny(_ block: BlockID, _ epoch: Epoch, _ core: inout Core<Ring>) {
        guard core.blocks.stream(of: block) == nil else { return }
        core.blocks.record(
            block, BlockRecord(epoch: epoch, length: 0, checksum: 0, state: .gone, device: 0))
    }

    /// Takes the file of a block that nobody writes away.
    /// - Parameter isRead: somebody still reads it.
    mutating func unlink(
        _ block: BlockID, on device: Int, isRead: Bool, _ core: inout Core<Ring>
    ) {
        guard !core.blocks.devices[device].isFailed else { return core.blocks.lose(block) }
        core.blocks.beginDeletion(of: block)
        let directory = core.blocks.devices[device].blocks
        let name = Device.name(of: block)
        guard let spare = isRead ? nil : spare(of: block, device, core.blocks) else {
            return start(.unlinkFile, device, argument: block.number, &core) { memory in
                .unlink(at: directory, path: memory.storePath(name, at: 0))
            }
        }
        start(.recycleFile, device, argument: block.number, &core) { memory in
            .rename(
                at: directory, from: memory.storePath(name, at: 0),
                to: memory.storePath(spare.name, at: 64), replacing: true)
        }
    }

    private func start(
        _ kind: OperationKind, _ device: Int, argument: UInt64, _ core: inout Core<Ring>,
        fill: (UnsafeMutableRawPointer) -> Request
    ) {
        core.reactor.start(
            OperationContext(kind: kind.rawValue, owner: UInt32(device), argument: argument),
            fill: fill)
    }

    /// A deleted block's file as a spare one, or `nil` when it is to be unlinked: its length is not
    /// known, or there are enough.
    private func spare(
        of block: BlockID, _ device: Int, _ blocks: borrowing Blocks
    ) -> RecycledFiles.File? {
        guard let record = blocks[block], record.state == .sealed else { return nil }
        let pages = BlockLayout.filePages(length: record.length)
        guard blocks.devices[device].recycled.hasRoom(pages: pages) else { return nil }
        return RecycledFiles.File(number: block.number, pages: pages)
    }

    /// A deleted block's file is unlinked, or renamed to be spare.
    mutating func unlinked(
        _ event: Event, isRecycled: Bool, _ core: inout Core<Ring>
    ) -> End {
        let block = BlockID(event.operation.argument)
        guard let record = core.blocks[block] else { return .settled }
        switch event.outcome {
        case .done: forget(block, record, isRecycled: isRecycled, &core)
        case .failed(ENOENT): forget(block, record, isRecycled: false, &core)
        case .again: return .again(block)
        case .cancelled, .disconnected, .full, .failed: return .failed(device: record.device)
        }
        return .settled
    }

    private mutating func forget(
        _ block: BlockID, _ record: BlockRecord, isRecycled: Bool, _ core: inout Core<Ring>
    ) {
        if isRecycled {
            let pages = BlockLayout.filePages(length: record.length)
            keep([RecycledFiles.File(number: block.number, pages: pages)], on: record.device, &core)
        }
        core.blocks.finishDeletion(
            of: block, record, isRemembered: core.settings.remembersDeleted)
    }

    // MARK: Spare files

    /// Keeps spare files as far as there is room for them.
    mutating func keep(
        _ spares: [RecycledFiles.File], on device: Int, _ core: inout Core<Ring>
    ) {
        for spare in spares where !core.blocks.addSpare(spare, to: device) {
            unlink(spare, on: device, &core)
        }
    }

    /// Spare files make way for what is going to be written.
    mutating func makeRoom(_ core: inout Core<Ring>) {
        for device in core.blocks.devices.indices {
            while hasRoomForSpare, let spare = core.blocks.takeSpareForRoom(of: device) {
                unlink(spare, on: device, &core)
            }
        }
        core.blocks.madeRoom()
    }

    /// Enough are on their way otherwise.
    private var hasRoomForSpare: Bool { spares < Budget.deletions }

    private mutating func unlink(
        _ spare: RecycledFiles.File, on device: Int, _ core: inout Core<Ring>
    ) {
        // A file that stays for want of an operation is found again at the next start.
        guard hasRoomForSpare else { return }
        spares += 1
        let directory = core.blocks.devices[device].blocks
        start(.unlinkSpare, device, argument: spare.number, &core) { memory in
            .unlink(at: directory, path: memory.storePath(spare.name, at: 0))
        }
    }

    mutating func unlinkedSpare(_ device: Int, _ outcome: Outcome, _ core: inout Core<Ring>) {
        spares -= 1
        precondition(spares >= 0, "a spare file ends once")
        if case .done = outcome { core.blocks.gainedRoom(on: device) }
    }

    func checkInvariants() {
        precondition(spares >= 0 && spares <= Budget.deletions, "spare files end within a bound")
    }
}
