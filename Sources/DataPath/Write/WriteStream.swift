import Reactor
import Transport
import Wire

/// A write stream, by its place in the write path's slab of them.
typealias StreamIndex = RecordIndex<WriteStream>

/// One block open for writing on this node. It outlives its connection: a writer that lost it comes
/// back on another one with the same token.
struct WriteStream: ~Copyable {
    let block: BlockID
    let epoch: Epoch
    let lease: LeaseID
    let incarnation: NamespaceIncarnation
    let maxLength: UInt64
    let device: Int
    var chain: Chain
    var position: Int
    /// By which the successor proves itself.
    var key: StreamKey
    /// The chain ends at this node whatever its place (`DatanodeSettings.isForwardNull`).
    let endsHere: Bool

    /// The connection of its writer: a client, or the node before this one in the chain.
    var upstream: ConnectionIndex?
    /// Since when it has none.
    var desertedAt: UInt64?

    var file: BlockFile
    /// Operations in flight that name this stream.
    var pending: Int32 = 0
    /// It is to end when nothing is pending; its file is unlinked then when the namenode said so.
    var isEnding = false
    var isUnlinking = false

    /// End of the contiguous prefix this node holds.
    var hwm: UInt64 = 0
    var table: ChunkTable
    /// The bytes up to `hwm` of the page that the HWM is inside of; a block of whole pages has
    /// none.
    var tail: UnsafeMutableRawPointer?
    var writes: WriteQueue
    var join: AckJoin
    var seal = SealState()
    var flush = FlushState()
    /// Frames beyond a gap, in no order.
    var held = HeldFrames()
    var duplicate = DuplicateCheck()
    /// Bytes of a fresh file that the block may come to take.
    var claimed: UInt64 = 0
    /// Bytes counted on its device while it is open, for the choice of a device.
    var reserved: UInt64 = 0
    /// Payload buffers that count against this stream's window.
    var frames = 0
    /// The connection's receive stopped at the window's end.
    var isWindowFull = false

    init(
        _ admitted: TokenCheck.Admitted, file: BlockFile, device: Int, length: UInt64 = 0,
        endsHere: Bool = false
    ) {
        self.file = file
        let token = admitted.token
        block = token.block
        epoch = token.epoch
        lease = token.lease
        incarnation = token.incarnation
        maxLength = token.maxLength
        self.device = device
        chain = admitted.chain
        position = admitted.position
        key = admitted.key
        self.endsHere = endsHere
        table = ChunkTable(maxLength: max(token.maxLength, length))
        writes = WriteQueue(written: length)
        hwm = length
        join = AckJoin(isTail: endsHere || position + 1 == chain.nodes.count)
    }

    deinit { tail?.deallocate() }

    // A getter that is not inlined copies all of the record to the stack first, a kilobyte or two.
    var isTail: Bool {
        @inline(__always) get { endsHere || position + 1 == chain.nodes.count }
    }

    /// A writer begins, or comes back: what it is answered begins anew.
    /// - Parameter level: that it waits for.
    mutating func begin(_ admitted: TokenCheck.Admitted, level: Level) {
        chain = admitted.chain
        position = admitted.position
        key = admitted.key
        join.pace.level = level
        join.restart()
        seal.restart(isBegun: file.isSealBegun)
        flush.restart()
        desertedAt = nil
    }

    /// An operation of the stream completed. `false`: it is ending and only waits for its
    /// operations.
    mutating func endOperation() -> Bool {
        pending -= 1
        return !isEnding
    }

    /// Its file is a fresh one: what it takes is to be there.
    mutating func claim(pages: UInt32, of blocks: inout Blocks) {
        claimed = UInt64(pages) * UInt64(BlockLayout.headerBytes)
        blocks.claim(claimed, on: device)
    }

    /// This node's own offsets. `written` counts only when the file says whose bytes these are.
    mutating func refreshProgress() {
        let written = file.isDescribed ? writes.written : 0
        let durable = seal.reached == .durable ? hwm : flush.durable
        join.own = Progress(received: hwm, written: written, durable: min(durable, written))
        precondition(join.own.isOrdered, "durable <= written <= received")
    }

    // MARK: What holds

    func checkInvariants() {
        precondition(pending >= 0, "what began ends once")
        precondition(join.own.isOrdered, "durable <= written <= received")
        precondition(join.own.received <= hwm && writes.written <= hwm, "nothing beyond the HWM")
        precondition(!join.sent.exceeds(join.joined()), "what was acked is true of the chain")
        precondition(
            frames >= held.count + (duplicate.original == nil ? 0 : 1), "each counts in the window")
        precondition(file.buffer == nil || pending > 0 || isEnding, "a metadata buffer is in use")
        precondition(!file.isSealBegun || seal.isRequested, "who seals was asked to")
        let isFlushing = file.account == .flush && file.work != .free
        precondition(flush.isIdle != isFlushing, "what is flushed is known")
        file.checkInvariants()
        precondition(!isEnding || upstream == nil, "who ends has let go")
    }
}

/// Frames that wait for a gap to fill: few, so they are searched.
struct HeldFrames {
    static let capacity = 16
    private var buffers = InlineArray<16, BufferIndex>(repeating: BufferIndex(0))
    private(set) var count = 0

    subscript(position: Int) -> BufferIndex {
        precondition(position < count, "a frame that is held")
        return buffers[position]
    }

    mutating func append(_ buffer: BufferIndex) {
        precondition(count < Self.capacity, "held frames are bounded below this")
        buffers[count] = buffer
        count += 1
    }

    mutating func remove(at position: Int) -> BufferIndex {
        let buffer = self[position]
        count -= 1
        buffers[position] = buffers[count]
        return buffer
    }
}
