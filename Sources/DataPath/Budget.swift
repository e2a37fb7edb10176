import Wire

/// Every bound of one datanode reactor in one place; each pool is the sum of its named holders. A
/// datanode with several reactors has all of it for each.
public struct Budget: Sendable, Equatable {
    /// Connections, in and out. Each may have one receive, one send and one control operation in
    /// flight.
    public var connections = 4096
    /// Of those, how many may be of peers that have shown no valid token yet; beyond them the one
    /// that is here longest gives way. The others are for peers with a token, and for the next
    /// nodes of chains: `ConnectionPlaces` keeps a sixteenth free for these.
    var unauthenticated: Int { connections / 2 }
    /// Blocks open for writing at once, attached to a connection or waiting for their writer to
    /// come back.
    public var writeStreams = 2048
    public var readStreams = 1024
    /// The longest payload of one data frame; a peer that sends more is refused.
    public var packetBytes = Limits.payloadBytes
    /// Payload buffers: what all connections together may hold in memory.
    public var payloadBuffers = 128
    /// Metadata buffers: block headers and checksum tables on their way to or from a device.
    public var metadataBuffers = 64
    /// Frames one write stream may hold: received, being written, being forwarded, or waiting for a
    /// gap to fill.
    public var framesPerStream = 24
    /// Of those, how many may wait for a gap, and how far beyond the HWM they may end.
    public var heldFramesPerStream = 16
    public var heldBytesBeyond: UInt64 = 8 << 20
    /// Frames that may wait for a gap over all streams: a quarter of the buffers, so that the frame
    /// that fills a gap always finds one.
    var heldFrames: Int { payloadBuffers / 4 }
    /// Payload buffers that all reads together may hold: readers that take nothing leave the other
    /// half to writers.
    var readBuffers: Int { payloadBuffers / 2 }
    /// Whether who holds `held` buffers may take another while `free` are left.
    ///
    /// A quarter of what is left at most: so whoever stalls with all it may have leaves enough for
    /// many others, and one alone is bounded by its window (Choudhury and Hahne, "Dynamic queue
    /// length thresholds for shared-memory packet switches", IEEE/ACM Transactions on Networking
    /// 6(2), 1998).
    static func mayTake(held: Int, free: Int) -> Bool { held < max(1, free / 4) }
    /// How long a read may hold buffers for a socket that takes nothing while other reads have
    /// none, nanoseconds: the more of them wait, the shorter.
    func readTurn(starved: Int) -> UInt64 {
        Self.readTurn / UInt64(1 + starved / max(1, readBuffers))
    }
    static let readTurn: UInt64 = 50_000_000
    /// How long a read may hold a read stream for a socket that takes nothing: the less of them are
    /// free, the shorter, from a second to one turn. `nil`: more than a sixteenth are free.
    func readPatience(free: Int) -> UInt64? {
        let kept = readStreams / 16
        guard free < kept else { return nil }
        return Self.readTurn + (1_000_000_000 - Self.readTurn) * UInt64(free) / UInt64(kept)
    }
    /// Bytes a peer has taken before zero-copy sends go to it: more than the sockets of both ends
    /// hold with Linux's defaults (4 and 6 MiB, tcp.7), so it is one that reads. What a zero-copy
    /// send holds cannot be taken back.
    static let provenBytes: UInt64 = 16 << 20
    /// Frames one read stream reads ahead of the socket.
    public var framesPerRead = 6
    /// Bytes of one frame of a read's answer, a multiple of the chunk.
    public var readPacketBytes = 512 << 10
    /// Blocks whose file is being unlinked or recycled at once, and spare files being unlinked; the
    /// namenode repeats a command that found no room.
    static let deletions = 1024
    /// Operations of the scrub in flight, each with at most one buffer: a sixteenth of the pool,
    /// and only while half of it is free. A device has one at most.
    var scrubReads: Int { max(1, payloadBuffers / 16) }
    /// Blocks of one device that wait to be scrubbed because somebody asked for it.
    static let scrubAsked = 1024
    /// Data directories of one node: each has one file of the scrub open.
    public static let devices = 64
    /// Numbers of deleted blocks that are remembered.
    static let deletedNumbers = 16_384
    /// Idle connections to successors that are kept for the next stream.
    static let parked = 64
    /// Messages from the agent that wait for a reactor.
    public var mailbox = 1024
    /// Connections on their way from other reactors; they hold places of `connections` too.
    public var arrivals = 256

    public init() {}

    /// Space before a buffer's payload: the frame header that is sent with it, or the bytes of the
    /// page that an unaligned payload begins in.
    static let prefixBytes = 4096
    /// Space behind it: the rest of the last page of an unaligned payload, and the header of the
    /// next frame.
    static let suffixBytes = 8192

    var payloadStride: Int {
        Self.prefixBytes + (packetBytes + 4095) / 4096 * 4096 + Self.suffixBytes
    }

    /// A header page and the largest checksum table.
    static let metadataStride = BlockLayout.headerBytes + BlockLayout.tableBytes(maxLength: 1 << 30)

    var regionBytes: Int {
        payloadBuffers * payloadStride + metadataBuffers * Self.metadataStride
    }

    /// Receive, send, and one of connect, shutdown or close for each connection; every payload
    /// buffer once for its device write and once for its forward; opening, sealing and closing for
    /// each stream; deletions; one of the scrub for each device; accepts and the wake-up.
    var operations: Int {
        4 * connections + 2 * payloadBuffers + 4 * writeStreams + 2 * readStreams
            + 2 * Self.deletions + Self.devices + 64
    }

    /// - Throws: `BudgetFailure` with the relation that does not hold.
    public func check() throws(BudgetFailure) {
        func need(_ holds: Bool, _ sentence: String) throws(BudgetFailure) {
            guard holds else { throw BudgetFailure(description: sentence) }
        }
        try need(
            packetBytes >= Limits.chunkBytes && packetBytes <= Limits.payloadBytes,
            "packet-bytes must be 64 KiB to 1 MiB")
        try need(
            readPacketBytes % Limits.chunkBytes == 0 && readPacketBytes <= packetBytes
                && readPacketBytes > 0,
            "read-packet-bytes must be whole chunks and at most packet-bytes")
        try need(
            framesPerStream > heldFramesPerStream + 1,
            "frames-per-stream must leave two frames beside those that wait for a gap")
        try need(framesPerStream <= 60, "frames-per-stream is at most 60")
        try need(framesPerRead <= 64 && framesPerRead > 0, "frames-per-read is 1 to 64")
        try need(
            payloadBuffers >= framesPerStream + framesPerRead,
            "payload-buffers must allow at least one write and one read stream")
        try need(
            regionBytes <= 1 << 30,
            "the buffers come to \(regionBytes >> 20) MiB; one reactor registers at most 1024 MiB")
    }
}

public struct BudgetFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
}
