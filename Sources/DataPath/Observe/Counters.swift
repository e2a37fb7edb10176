/// Plain counts of one datanode reactor, taken on its thread and copied out by mailbox.
public struct DatanodeCounters: Sendable, BitwiseCopyable {
    /// Whose they are; 0 when they are a sum.
    public var reactor = 0
    public var connectionsAccepted: UInt64 = 0
    /// Handed to the reactor that had their block.
    public var connectionsMoved: UInt64 = 0
    /// Without a valid token, and closed to make room for newer ones.
    public var unauthenticatedClosed: UInt64 = 0
    /// Without a stream, and closed because places ran short.
    public var connectionsGivenUp: UInt64 = 0
    public var connectionsOpen: Int = 0
    public var writeStreamsOpen: Int = 0
    public var payloadBuffersFree: Int = 0
    public var framesReceived: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var bytesForwarded: UInt64 = 0
    public var bytesWritten: UInt64 = 0
    public var bytesRead: UInt64 = 0
    public var acksSent: UInt64 = 0
    public var blocksSealed: UInt64 = 0
    /// Asked for, and done: what is asked while one runs joins the next.
    public var flushes: UInt64 = 0
    public var flushesDone: UInt64 = 0
    public var duplicates: UInt64 = 0
    public var framesHeld: UInt64 = 0
    public var refusals: UInt64 = 0
    public var deadlinesMissed: UInt64 = 0
    public var unalignedBytesCopied: UInt64 = 0
    public var bufferWaits: UInt64 = 0
    /// Frames of reads whose buffer went to others while their socket took nothing.
    public var readsCut: UInt64 = 0
    /// Reads that were ended while their socket took nothing, for read streams ran short.
    public var readsEnded: UInt64 = 0
    public var zeroCopySends: UInt64 = 0
    /// Of those, how many the kernel copied after all.
    public var zeroCopySendsCopied: UInt64 = 0
    /// Streams whose connection to the next node was there already.
    public var successorsReused: UInt64 = 0
    /// Read and compared by the scrub.
    public var bytesScrubbed: UInt64 = 0
    public var blocksScrubbed: UInt64 = 0
    /// Found corrupt, by the scrub or by a read.
    public var blocksCorrupt: UInt64 = 0

    public init() {}

    /// The counts of several reactors together.
    static func sum(_ parts: [DatanodeCounters]) -> DatanodeCounters {
        var sum = DatanodeCounters()
        for part in parts {
            sum.connectionsOpen += part.connectionsOpen
            sum.writeStreamsOpen += part.writeStreamsOpen
            sum.payloadBuffersFree += part.payloadBuffersFree
            for count in counts { sum[keyPath: count] &+= part[keyPath: count] }
        }
        return sum
    }

    private static var counts: [WritableKeyPath<DatanodeCounters, UInt64>] {
        [
            \.connectionsAccepted, \.connectionsMoved, \.unauthenticatedClosed,
            \.connectionsGivenUp, \.framesReceived, \.bytesReceived, \.bytesForwarded,
            \.bytesWritten, \.bytesRead, \.acksSent, \.blocksSealed, \.flushes, \.flushesDone,
            \.duplicates, \.framesHeld, \.refusals, \.deadlinesMissed, \.unalignedBytesCopied,
            \.bufferWaits, \.readsCut, \.readsEnded, \.zeroCopySends, \.zeroCopySendsCopied,
            \.successorsReused, \.bytesScrubbed, \.blocksScrubbed, \.blocksCorrupt,
        ]
    }
}
