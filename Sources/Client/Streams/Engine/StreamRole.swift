import Transport
import Wire

/// What an engine keeps of one connection: whose it is. A connection to a datanode carries one
/// stream at a time and is kept for the next one; to a namenode, one owner's calls.
struct StreamRole: BitwiseCopyable {
    /// `nil`: it waits for its next stream, or its end.
    let party: Party?
    /// A read's request was sent.
    var isRequestSent = false
    /// A frame's header is here, and there is no buffer for its payload.
    var isAwaitingSlot = false
    /// A send failed: what the peer had said before is still read.
    var isBroken = false

    init(_ party: Party?) { self.party = party }
}

/// What a stream wants of its connection when it has dealt with a frame.
enum AfterFrame {
    /// Nothing: a body comes first, or the connection is closed.
    case nothing
    /// The next frame.
    case next
    /// No more: the connection waits for its next stream.
    case over
}

extension ConnectionMemory {
    /// An answer's payload being received (a receipt or an error report), then the control frame
    /// being sent (credentials of five nodes with the longest names fit).
    static let stream = ConnectionMemory(received: 128..<640, sent: 640..<streamBytes)
    static let streamBytes = 2560
}
