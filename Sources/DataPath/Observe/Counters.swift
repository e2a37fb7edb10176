import Metrics
import Reactor

/// Plain counts of one datanode reactor, taken on its thread and copied out by mailbox. Each field
/// has a row in `metrics`, by which it is added up, sent and shown.
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
    /// Streams whose connection to the successor was there already.
    public var successorsReused: UInt64 = 0
    /// Read and compared by the scrub.
    public var bytesScrubbed: UInt64 = 0
    public var blocksScrubbed: UInt64 = 0
    /// Found corrupt, by the scrub or by a read.
    public var blocksCorrupt: UInt64 = 0
    /// Of the reactor under the rooms.
    public var ring = ReactorCounters()

    public init() {}

    package static let metrics =
        own + Metric<DatanodeCounters>.rows(\.ring, ReactorCounters.metrics)

    private static let own: [Metric<DatanodeCounters>] = [
        Metric(
            \.connectionsAccepted, "catena_datanode_connections_accepted_total",
            "Connections that came and got a place."),
        Metric(
            \.connectionsMoved, "catena_datanode_connections_moved_total",
            "Connections handed to the reactor that has their block."),
        Metric(
            \.unauthenticatedClosed, "catena_datanode_connections_unauthenticated_closed_total",
            "Connections without a valid token, closed to make room for newer ones."),
        Metric(
            \.connectionsGivenUp, "catena_datanode_connections_given_up_total",
            "Connections without a stream, closed because places ran short."),
        Metric(
            \.connectionsOpen, "catena_datanode_connections_open",
            "Connections that are open, those to other nodes too."),
        Metric(
            \.writeStreamsOpen, "catena_datanode_write_streams_open", "Blocks being written."),
        Metric(
            \.payloadBuffersFree, "catena_datanode_payload_buffers_free",
            "Payload buffers that nobody holds."),
        Metric(
            \.framesReceived, "catena_datanode_frames_received_total",
            "Frames that came, of all kinds."),
        Metric(
            \.bytesReceived, "catena_datanode_received_bytes_total",
            "Payload and credentials that came, and the headers that were promised.", in: .bytes),
        Metric(
            \.bytesForwarded, "catena_datanode_forwarded_bytes_total",
            "Bytes that went on to next nodes, headers too.", in: .bytes),
        Metric(
            \.bytesWritten, "catena_datanode_written_bytes_total",
            "Payload that the devices have taken.", in: .bytes),
        Metric(
            \.bytesRead, "catena_datanode_read_bytes_total",
            "Payload read from the devices for readers.", in: .bytes),
        Metric(
            \.acksSent, "catena_datanode_acks_sent_total",
            "Acks that went to writers and to nodes before."),
        Metric(\.blocksSealed, "catena_datanode_blocks_sealed_total", "Blocks sealed."),
        Metric(
            \.flushes, "catena_datanode_flushes_total",
            "Flushes asked for: one that is asked for while one runs joins the next."),
        Metric(\.flushesDone, "catena_datanode_flushes_done_total", "Flushes done."),
        Metric(
            \.duplicates, "catena_datanode_duplicate_frames_total",
            "Frames of bytes that were here before."),
        Metric(
            \.framesHeld, "catena_datanode_held_frames_total",
            "Frames that came before those in front of them."),
        Metric(
            \.refusals, "catena_datanode_refusals_total", "Requests answered with an error."),
        Metric(
            \.deadlinesMissed, "catena_datanode_deadlines_missed_total",
            "Connections that were silent or slow for too long."),
        Metric(
            \.unalignedBytesCopied, "catena_datanode_unaligned_copied_bytes_total",
            "Bytes copied for frames that begin or end inside a page.", in: .bytes),
        Metric(
            \.bufferWaits, "catena_datanode_buffer_waits_total",
            "Times that a connection waited for a payload buffer."),
        Metric(
            \.readsCut, "catena_datanode_reads_cut_total",
            "Read frames whose buffer went to others while their socket took nothing."),
        Metric(
            \.readsEnded, "catena_datanode_reads_ended_total",
            "Reads ended while their socket took nothing, for read streams ran short."),
        Metric(
            \.zeroCopySends, "catena_datanode_zero_copy_sends_total",
            "Sends that asked for no copy."),
        Metric(
            \.zeroCopySendsCopied, "catena_datanode_zero_copy_sends_copied_total",
            "Of those, how many the kernel copied all the same."),
        Metric(
            \.successorsReused, "catena_datanode_successors_reused_total",
            "Streams whose connection to the next node was there already."),
        Metric(
            \.bytesScrubbed, "catena_datanode_scrubbed_bytes_total",
            "Bytes that the scrub read and compared.", in: .bytes),
        Metric(
            \.blocksScrubbed, "catena_datanode_blocks_scrubbed_total",
            "Blocks that the scrub read and compared."),
        Metric(
            \.blocksCorrupt, "catena_datanode_blocks_corrupt_total",
            "Blocks found corrupt, by the scrub or by a read."),
    ]
}
