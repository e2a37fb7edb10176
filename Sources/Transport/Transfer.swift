import Reactor
import Wire

/// Bytes of one half of a connection on their way between its socket and memory, as a pure state.
@usableFromInline
struct Transfer: Equatable {
    @usableFromInline
    enum Step: Equatable {
        case more, whole
        /// Nothing came: the peer sends no more.
        case ended
        case failed(Int32)
    }

    @usableFromInline
    var start: UnsafeMutableRawPointer?
    @usableFromInline
    var count = 0
    @usableFromInline
    var done = 0
    /// The buffer that `start` lies in.
    @usableFromInline
    var buffer: BufferIndex?

    init() {}

    @inlinable
    init(_ start: UnsafeMutableRawPointer, count: Int, buffer: BufferIndex? = nil) {
        self.start = start
        self.count = count
        self.buffer = buffer
    }

    @inlinable
    var rest: UnsafeMutableRawPointer { start.unsafelyUnwrapped + done }
    @inlinable
    var left: Int { count - done }

    @inlinable
    mutating func take(_ outcome: Outcome) -> Step {
        switch outcome {
        case .done(0): return .ended
        case .done(let bytes):
            done += Int(bytes)
            return done == count ? .whole : .more
        case .again: return .more
        case .cancelled, .disconnected, .full, .failed: return .failed(outcome.errno)
        }
    }
}

/// Where a connection's frames lie that have no buffer, behind the 128 bytes of the header that is
/// being received: in memory of its own, so that a peer gets nothing of what others share before it
/// has shown who it is.
public struct ConnectionMemory: BitwiseCopyable, Sendable {
    @usableFromInline
    let receivedStart: Int32
    @usableFromInline
    let receivedCount: Int32
    @usableFromInline
    let sentStart: Int32
    @usableFromInline
    let sentCount: Int32

    /// - Parameters:
    ///   - received: for bodies, with the next header behind them.
    ///   - sent: for the frame that is sent.
    public init(received: Range<Int>, sent: Range<Int>) {
        precondition(min(received.lowerBound, sent.lowerBound) >= FrameHeader.byteCount)
        receivedStart = Int32(received.lowerBound)
        receivedCount = Int32(received.count)
        sentStart = Int32(sent.lowerBound)
        sentCount = Int32(sent.count)
    }

    @inlinable
    public var receivedBytes: Int { Int(receivedCount) }
    @inlinable
    var receivedOffset: Int { Int(receivedStart) }
    @inlinable
    var sentOffset: Int { Int(sentStart) }
    @inlinable
    var sentBytes: Int { Int(sentCount) }
}

extension FrameHeader {
    /// Bytes that come behind it at once: the body, and the next header when that is promised.
    @inlinable
    public var bodyBytes: Int {
        @inline(__always) get {
            Int(payloadLength) + (flags.contains(.more) ? Self.byteCount : 0)
        }
    }
}
