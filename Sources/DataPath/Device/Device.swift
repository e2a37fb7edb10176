import Reactor
import Wire

/// One data directory in use by a reactor: block files lie in the open directory `blocks`.
public struct Device: Sendable {
    public let id: DeviceID
    public let path: String
    /// The directory that holds the block files.
    public let blocks: Descriptor
    /// Direct I/O to registered memory; off only where the file system has none (tmpfs).
    public let isDirect: Bool
    /// It failed or is full: takes no new blocks. A failed one serves nothing either.
    public internal(set) var isFailed = false
    public internal(set) var isFull = false
    /// Bytes of blocks placed here since the start, to spread new ones.
    public internal(set) var usedBytes: UInt64
    /// Blocks of it that were found corrupt since the start.
    var corruptBlocks: UInt64 = 0
    /// What may still be written.
    var room = RoomAccount()
    /// Files of deleted blocks, for the blocks to come.
    public internal(set) var recycled: RecycledFiles

    public init(
        id: DeviceID, path: String, blocks: Descriptor, isDirect: Bool, usedBytes: UInt64,
        recycled: RecycledFiles = RecycledFiles(mostBytes: 0)
    ) {
        self.id = id
        self.path = path
        self.blocks = blocks
        self.isDirect = isDirect
        self.usedBytes = usedBytes
        self.recycled = recycled
    }

    /// A block file's name in its directory.
    static func name(of block: BlockID) -> String { "\(block).blk" }
}
