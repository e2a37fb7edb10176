/// What a device's file system has room for, as the agent saw it: what spare files hold is room
/// too, for they are given up when it is needed.
public struct DeviceRoom: Sendable, Equatable {
    public var capacity: UInt64
    /// Bytes the file system has free for us.
    public var free: UInt64
    /// Bytes in spare files, over all reactors.
    public var spareBytes: UInt64
    /// Whether one more file can be made.
    public var hasInodes: Bool

    /// A device with less room than this takes no new blocks.
    static let leastBytes: UInt64 = 1 << 20

    public init(capacity: UInt64, free: UInt64, spareBytes: UInt64, hasInodes: Bool = true) {
        self.capacity = capacity
        self.free = free
        self.spareBytes = spareBytes
        self.hasInodes = hasInodes
    }

    /// Bytes that new blocks may take. A spare file is an inode, too.
    public var usable: UInt64 { hasInodes || spareBytes > 0 ? free &+ spareBytes : 0 }

    /// Whether new blocks may be put there.
    public var isThere: Bool { usable >= Self.leastBytes }

    /// Free bytes that are kept while spare files can be given up for them, so that giving up is
    /// ahead of the writes: a second's worth of a fast device, or a sixteenth of a small one.
    var reserve: UInt64 { min(1 << 30, capacity / 16) }

    /// Why there is none; `nil` when there is.
    var defect: String? {
        guard !isThere else { return nil }
        return hasInodes
            ? "the file system is full: free space, or add a directory"
            : "the file system has no inodes left: remove files, or make it with more inodes"
    }
}

/// One reactor's account of what it may still write on a device, between two looks of the agent.
struct RoomAccount: Sendable, Equatable {
    /// Bytes that are free and that no open block is going to take. Nothing is known before the
    /// first look.
    private(set) var unclaimed = Int64.max
    private var reserve: Int64 = 0

    /// The agent looked.
    /// - Parameters:
    ///   - reactors: who share the device; each counts on its part.
    ///   - open: bytes that this reactor's open blocks may still take.
    mutating func saw(_ room: DeviceRoom, reactors: Int, open: UInt64) {
        let part = { (bytes: UInt64) in Int64(clamping: bytes / UInt64(reactors)) }
        reserve = part(room.reserve)
        unclaimed = (room.hasInodes ? part(room.free) : 0) - Int64(clamping: open)
    }

    /// A block in a fresh file is going to take so much.
    mutating func claim(_ bytes: UInt64) {
        guard unclaimed != .max else { return }
        unclaimed -= Int64(clamping: bytes)
    }

    /// Spare files are to be given up, until this is no more the case.
    var isShort: Bool { unclaimed < reserve }

    /// A spare file was given up.
    mutating func gained(_ bytes: UInt64) {
        guard unclaimed != .max else { return }
        unclaimed += Int64(clamping: bytes)
    }

    /// Whether so many bytes fit when `spareBytes` are given up for them.
    func holds(_ bytes: UInt64, spareBytes: UInt64) -> Bool {
        unclaimed == .max || unclaimed + Int64(clamping: spareBytes) >= Int64(clamping: bytes)
    }
}
