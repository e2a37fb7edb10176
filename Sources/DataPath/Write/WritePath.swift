import Glibc
import Reactor
import Wire

/// The blocks of a reactor that are open for writing. Frames are received (1), a writer gets its
/// stream (2), frames find their place (3), the device takes them (4) and the file says what it
/// holds, their successors get them (5), and the writer is answered (6). What it does in a step is
/// in that step's folder.
///
/// What follows from a frame or a completion comes back as `StreamNext`: the path's one
/// list (`Datanode.proceed`) decides what goes on, and `Datanode` tells the writer.
struct WritePath<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var streams: Slab<WriteStream>
    /// Frames beyond a gap, over all streams.
    var heldFrames = 0
    var files: BlockFiles<Ring>
    var successors: Successors<Ring>

    init(_ budget: Budget, devices count: Int) {
        streams = Slab(capacity: budget.writeStreams)
        files = BlockFiles(devices: count)
        successors = Successors(streams: budget.writeStreams)
    }

    // MARK: Records

    var places: RecordPlaces<WriteStream> { streams.places }
    var count: Int { streams.count }
    var isFull: Bool { streams.isFull }

    @inline(__always)
    func at(_ stream: StreamIndex) -> UnsafeMutablePointer<WriteStream> { streams.at(stream) }

    @inline(__always)
    func isUsed(_ stream: StreamIndex) -> Bool { streams.isUsed(stream) }

    /// The stream, unless it is ending or gone.
    @inline(__always)
    func live(_ stream: StreamIndex) -> UnsafeMutablePointer<WriteStream>? {
        guard isUsed(stream), !at(stream).pointee.isEnding else { return nil }
        return at(stream)
    }

    /// A block's stream, whose file is being opened. `nil` at the bound.
    mutating func insert(
        _ stream: consuming WriteStream, _ core: inout Core<Ring>
    ) -> StreamIndex? {
        let block = stream.block
        guard let index = streams.insert(stream) else { return nil }
        core.blocks.open(block, for: index)
        let entry = at(index)
        _ = files.perform(entry.pointee.file.first, index, &entry.pointee, &core)
        return index
    }

    /// Bytes that the open blocks of a device may still take of fresh files.
    func owed(to device: Int) -> UInt64 {
        var open: UInt64 = 0
        for stream in places
        where isUsed(stream) && at(stream).pointee.device == device {
            let claimed = at(stream).pointee.claimed
            open += claimed - min(claimed, at(stream).pointee.hwm)
        }
        return open
    }

    /// Tells how far the open blocks are, for INFO: those that moved since the last time.
    func report(_ core: inout Core<Ring>) {
        for stream in places where isUsed(stream) {
            let entry = at(stream)
            guard var record = core.blocks[entry.pointee.block], record.state == .open,
                record.length != entry.pointee.join.own.written
            else { continue }
            record.length = entry.pointee.join.own.written
            core.blocks.record(entry.pointee.block, record)
        }
    }

    // MARK: Completions

    /// A completion of one of a stream's operations.
    mutating func completed(
        _ kind: OperationKind, _ stream: StreamIndex, _ event: Event, _ core: inout Core<Ring>
    ) -> StreamNext {
        let entry = at(stream)
        switch kind {
        case .writeData: return files.wrote(stream, &entry.pointee, event, &core)
        case .renameSpare: return files.renamed(stream, &entry.pointee, event.outcome, &core)
        case .openFile: return files.opened(stream, &entry.pointee, event.outcome, &core)
        case .loadHeader, .loadTable, .writeOpenHeader, .writeTable, .writeSealHeader,
            .writeFlushTable, .writeFlushHeader:
            return files.moved(stream, &entry.pointee, event.outcome, &core)
        case .readBack:
            return follow(files.didReadBack(stream, &entry.pointee, event, &core), stream, &core)
        case .trimFile, .closeFile: return files.closed(&entry.pointee)
        default: preconditionFailure("an operation of no stream's file")
        }
    }

    /// The stream's file was synced, or its directory was.
    mutating func synced(
        _ stream: StreamIndex, _ outcome: Outcome, _ core: inout Core<Ring>
    ) -> StreamNext {
        let entry = at(stream)
        return files.synced(stream, &entry.pointee, outcome, &core)
    }

    /// Its sync was never begun, which says nothing of the device: the stream ended while it
    /// waited, or the device has failed before.
    mutating func gaveUpSync(_ stream: StreamIndex) -> StreamNext {
        at(stream).pointee.endOperation() ? .syncFailed(.failed(EIO)) : .ending
    }

    /// A file's sync ended, and the next one of its device begins.
    /// - Returns: a stream whose sync was given up: it ended, or its device, while it waited.
    mutating func nextSync(on device: Int, _ core: inout Core<Ring>) -> StreamIndex? {
        guard let next = files.syncs.fileFinished(on: device) else { return nil }
        guard !core.blocks.devices[device].isFailed, !at(next).pointee.isEnding else { return next }
        files.syncs.start(at(next).pointee.file.descriptor, of: next, &core)
        return nil
    }

    // MARK: The end

    /// A stream whose file is closed, and that is gone.
    struct End {
        let block: BlockID
        let device: Int
        /// The namenode wants its file to go.
        let isUnlinking: Bool
    }

    /// Closes the file and frees the stream once no operation and no buffer names it.
    mutating func endIfSettled(_ stream: StreamIndex, _ core: inout Core<Ring>) -> End? {
        guard isUsed(stream) else { return nil }
        let entry = at(stream)
        guard entry.pointee.isEnding, entry.pointee.pending == 0, entry.pointee.frames == 0 else {
            return nil
        }
        guard files.end(stream, &entry.pointee, &core) else { return nil }
        let end = End(
            block: entry.pointee.block, device: entry.pointee.device,
            isUnlinking: entry.pointee.isUnlinking)
        core.blocks.free(entry.pointee.reserved, on: end.device)
        core.blocks.close(end.block)
        streams.remove(stream)
        return end
    }

    // MARK: What holds

    mutating func checkInvariants(isIdle: Bool, _ core: inout Core<Ring>) {
        let budget = core.settings.budget
        var held = 0
        for stream in places where isUsed(stream) {
            let entry = at(stream)
            entry.pointee.checkInvariants()
            held += entry.pointee.held.count
            successors.checkInvariants(stream, isEnding: entry.pointee.isEnding, &core)
            if let writer = entry.pointee.upstream {
                precondition(core.transport.at(writer).role.stream == stream, "both know it")
            }
            precondition(
                core.blocks.stream(of: entry.pointee.block) == stream, "its block is open once")
        }
        precondition(heldFrames == held && held <= budget.heldFrames, "who is held is counted")
        files.syncs.checkInvariants(isIdle: isIdle)
    }
}
