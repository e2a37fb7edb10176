import Wire

/// Every bound of one stream engine.
package struct EngineSettings: Sendable {
    /// Payload bytes in one frame that is sent, and the longest payload that can be received.
    package var packetBytes = 512 << 10
    /// Payload bytes in one frame that is sent, when that is less than can be received.
    package var sentPacketBytes: Int?
    /// Payload buffers: everything that is being filled, sent, unacked, received or written to a
    /// sink. The default fits the 8 MiB a process may lock on most systems.
    package var buffers = 14
    /// Frames of one block that may be unacked.
    package var windowFrames = 14
    /// Reads of one seekable source under way at once.
    package var fillsAhead = 4
    package var connections = 16
    /// Blocks being written at once.
    package var writes = 8
    /// Ranges being read at once.
    package var reads = 8
    /// A peer that owes something must show progress within this, nanoseconds. It is longer than
    /// the datanodes' own 10 s, so that the node next to a fault gets to name it before its client
    /// gives up.
    package var progressTimeout: UInt64 = 12_000_000_000
    /// A replica that was asked is left alone this long before a second one is asked as well;
    /// `nil`: a quarter of `progressTimeout`.
    package var hedgeAfter: UInt64?
    /// A durable seal waits for every device's flush: this many progress deadlines.
    package var sealDeadlines: UInt64 = 6
    /// Connections to a namenode; 0 for an owner that makes its calls elsewhere.
    package var controls = 0
    /// Calls without an answer, of all those connections together and of each.
    package var calls = 1
    package var callsPerControl = 64
    /// A namenode that owes an answer must give one within this, nanoseconds.
    package var callTimeout: UInt64 = 20_000_000_000
    /// Fail when buffers cannot be registered, instead of going on without.
    package var mustRegister = false

    /// What holds between two turns is checked after each (`StreamEngine.checkInvariants`).
    #if DEBUG
        package var checksInvariants = true
    #else
        package var checksInvariants = false
    #endif

    package init() {}

    /// Space before a payload for the header that is sent with it: one page, so that the payload
    /// begins on one.
    package static let prefixBytes = 4096
    /// Space behind it for the next frame's header, which is received with it.
    package static let suffixBytes = 4096

    package var bufferBytes: Int {
        Self.prefixBytes + (packetBytes + 4095) / 4096 * 4096 + Self.suffixBytes
    }

    /// Receive, send, and one of socket, connect or close for each connection; a fill or a sink
    /// write for each buffer; the wake-up and room for a peek.
    package var operations: Int { 3 * places + buffers + 8 }
    /// Of connections to datanodes and to namenodes.
    var places: Int { connections + controls }
    package var hedgePause: UInt64 { hedgeAfter ?? progressTimeout / 4 }

    /// As many buffers of `packetBytes` as fit `bytes`, at least 4 and at most 64.
    package mutating func fit(packetBytes: Int, bytes: Int) {
        self.packetBytes = packetBytes
        buffers = min(64, max(4, bytes / bufferBytes))
        windowFrames = buffers
    }

    /// Deadlines for an owner who waits `milliseconds` for progress: what a silent peer costs has
    /// to leave time for another one.
    package mutating func fit(timeout milliseconds: Int64) {
        progressTimeout = min(progressTimeout, UInt64(max(1, milliseconds)) * 600_000)
    }

    package func check() {
        precondition((1...Limits.payloadBytes).contains(packetBytes), "a frame's payload")
        precondition((1...packetBytes).contains(sentPacketBytes ?? packetBytes), "what is sent")
        precondition(
            buffers > 0 && windowFrames > 0 && fillsAhead > 0, "something can be in flight")
        precondition((1...1 << 20).contains(calls) && callsPerControl > 0, "calls have a bound")
        precondition(bufferBytes * buffers <= 1 << 30, "one registered region is at most 1 GiB")
    }
}
