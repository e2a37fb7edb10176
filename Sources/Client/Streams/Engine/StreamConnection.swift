import Reactor
import System
import Wire

/// One TCP connection to a datanode. It carries one stream at a time and is kept for the next one.
struct StreamConnection {
    enum Owner: Equatable {
        case nobody
        case write(Int32)
        case read(Int32)
    }
    enum Life: UInt8 { case connecting, open, closing }
    enum Receiving: UInt8 { case header, answer, waitingForSlot, payload }

    var life = Life.connecting
    var owner = Owner.nobody
    var descriptor = Descriptor.none
    let address: SocketAddress
    /// Operations in flight that name this connection; it is freed when none is left.
    var pending: Int32 = 0
    var receiveToken = OperationToken.nobody
    var sendToken = OperationToken.nobody

    var receiving = Receiving.header
    var header = FrameHeader(.ack)
    /// Bytes of the header, answer or payload (and next header) that are here.
    var received = 0
    var slot: Int32 = -1
    var isWaitingForSlot = false

    var isSending = false
    /// A send failed: what the peer had said before is still read.
    var isBroken = false
    var sendStart: UnsafeMutableRawPointer
    var sendLength = 0
    var sent = 0
    /// The payload slot being sent, or -1 for a frame from the connection's own memory.
    var sendingSlot: Int32 = -1

    /// A read's request was sent, of the stream that it carries now.
    var isRequestSent = false
    var streamNumber: UInt32 = 0
    var sequence: UInt32 = 0

    init(address: SocketAddress, memory: UnsafeMutableRawPointer) {
        self.address = address
        sendStart = memory
    }

    // A connection's own memory: the header being received, an answer's payload being received (a
    // receipt or an error report), then the control frame being sent (credentials of five nodes
    // with the longest names fit).
    static let answerOffset = 128
    static let answerLimit = 512
    static let controlOffset = 640
    static let memoryBytes = 2560
}
