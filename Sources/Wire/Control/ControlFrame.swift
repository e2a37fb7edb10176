import SwiftProtobuf

/// The control plane's framing: a 4-byte little-endian length of at most
/// `Limits.controlMessageBytes`, then one protobuf message.
public enum ControlFrame {
    /// Versions of the control protocol this build speaks.
    public static let versions: ClosedRange<UInt32> = 2...2

    public enum Failure: Error, Equatable, Sendable {
        case tooLong(UInt32)
        case unreadable
    }

    /// - Throws: `Failure.tooLong` for a message over the bound.
    public static func encode(_ message: some SwiftProtobuf.Message) throws(Failure) -> [UInt8] {
        let body: [UInt8]
        do { body = try message.serializedBytes() } catch { throw .unreadable }
        return try framed(body)
    }

    /// A message's length and the message.
    /// - Throws: `Failure.tooLong` for a message over the bound.
    public static func framed(_ body: [UInt8]) throws(Failure) -> [UInt8] {
        guard body.count <= Limits.controlMessageBytes else { throw .tooLong(UInt32(body.count)) }
        let count = UInt32(body.count)
        return (0..<4).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) } + body
    }

    public static func decode<Message: SwiftProtobuf.Message>(
        _ type: Message.Type, from body: [UInt8]
    ) throws(Failure) -> Message {
        do { return try Message(serializedBytes: body) } catch { throw .unreadable }
    }
}

/// Cuts a byte stream into message bodies. Holds at most one message and what came after it.
public struct ControlFrameDecoder: Sendable {
    private var pending: [UInt8] = []

    public init() {}

    public mutating func append(_ bytes: some Sequence<UInt8>) { pending.append(contentsOf: bytes) }

    /// The next whole body, or `nil` when bytes are missing.
    /// - Throws: `ControlFrame.Failure.tooLong` as soon as the length is known; the stream cannot
    ///   go on.
    public mutating func next() throws(ControlFrame.Failure) -> [UInt8]? {
        guard pending.count >= 4 else { return nil }
        let count = (0..<4).reduce(UInt32(0)) { $0 | UInt32(pending[$1]) << ($1 * 8) }
        guard count <= Limits.controlMessageBytes else { throw .tooLong(count) }
        let end = 4 + Int(count)
        guard pending.count >= end else { return nil }
        let body = Array(pending[4..<end])
        pending.removeFirst(end)
        return body
    }

    /// Bytes that wait for the rest of a message.
    public var buffered: Int { pending.count }
}
