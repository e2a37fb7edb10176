/// What is true of a block's bytes on *every* node of its chain.
public enum Level: UInt8, Sendable, Hashable, CaseIterable, Comparable, BitwiseCopyable {
    /// In memory.
    case received = 0
    /// The device write completed.
    case written = 1
    /// Data, length, checksums, epoch and directory entry survive a power cut.
    case durable = 2

    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The cumulative offsets of an ack: `durable <= written <= received`, each a minimum over the
/// chain.
public struct Progress: Equatable, Sendable, BitwiseCopyable {
    public var received: UInt64
    public var written: UInt64
    public var durable: UInt64

    @inlinable
    public init(received: UInt64 = 0, written: UInt64 = 0, durable: UInt64 = 0) {
        self.received = received
        self.written = written
        self.durable = durable
    }

    @inlinable
    public subscript(level: Level) -> UInt64 {
        switch level {
        case .received: received
        case .written: written
        case .durable: durable
        }
    }

    /// What holds of this node and of the rest of the chain.
    @inlinable
    public func minimum(_ other: Self) -> Self {
        Self(
            received: min(received, other.received), written: min(written, other.written),
            durable: min(durable, other.durable))
    }

    /// What one of both has come to.
    @inlinable
    public func maximum(_ other: Self) -> Self {
        Self(
            received: max(received, other.received), written: max(written, other.written),
            durable: max(durable, other.durable))
    }

    /// Whether `other` promises less than this at some level.
    @inlinable
    public func exceeds(_ other: Self) -> Bool {
        received > other.received || written > other.written || durable > other.durable
    }

    @inlinable
    public var isOrdered: Bool { durable <= written && written <= received }
}
