/// What a data-plane frame is. docs/PROTOCOL.md walks through the order in which they may come.
public enum FrameOperation: UInt8, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    /// Begins a write stream: credentials in the payload.
    case write = 1
    /// Bytes of the block, up or down: `offset`, payload, one CRC per chunk touched.
    case data = 2
    /// Ends the block: `length`, `checksum` of the whole block, the wanted level in `flags`.
    case seal = 3
    /// Cumulative progress of a write stream.
    case ack = 4
    /// The answer to `seal`: progress, and the receipt in the payload.
    case sealed = 5
    /// Asks for a range: `offset`, `length`, credentials in the payload.
    case read = 6
    /// Ends the stream with a status; the payload names the node and says why.
    case error = 7
    /// Asks that the block's first `length` bytes become durable while it stays open;
    /// acks say when.
    case flush = 8
}

/// Bits of a frame header's `flags`.
public struct FrameFlags: OptionSet, Hashable, Sendable, BitwiseCopyable {
    public let rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The sender has the next frame ready and sends it without waiting for an answer, so one
    /// receive may take this frame's payload and the next one's header together.
    public static let more = FrameFlags(rawValue: 1)
    /// `write`: acks may wait until the chain has written what they tell of. `seal`: the answer may
    /// wait until the chain has written the block.
    public static let written = FrameFlags(rawValue: 2)
    /// `seal`: the answer may wait until the block survives a power cut on the whole chain.
    public static let durable = FrameFlags(rawValue: 4)
    /// `data` of a read: the last of the range.
    public static let last = FrameFlags(rawValue: 8)

    /// The flags an operation defines; any other bit is `badFlags`.
    @inlinable
    public static func allowed(in operation: FrameOperation) -> FrameFlags {
        switch operation {
        case .write: [.more, .written]
        case .data: [.more, .last]
        case .seal: [.more, .written, .durable]
        case .sealed: [.written, .durable]
        case .ack, .read, .error, .flush: []
        }
    }

    /// The level a seal asks for.
    @inlinable
    public var level: Level {
        contains(.durable) ? .durable : contains(.written) ? .written : .received
    }

    @inlinable
    public init(level: Level) {
        switch level {
        case .received: self = []
        case .written: self = .written
        case .durable: self = .durable
        }
    }
}
