import System

/// A 128-bit identifier whose phantom `Tag` keeps a node id from being taken for a device id.
///
/// On the wire and on disk it is 16 bytes, in the order in which a UUID is written.
public struct Identifier<Tag>: Hashable, Sendable, BitwiseCopyable {
    /// The first eight bytes of the written form, as a big-endian number.
    public let high: UInt64
    /// The last eight bytes of the written form, as a big-endian number.
    public let low: UInt64

    @inlinable
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// A version 4 UUID (RFC 9562 section 5.4) from `generator`.
    public init(using generator: inout some RandomNumberGenerator) {
        high = generator.next() & 0xffff_ffff_ffff_0fff | 0x4000
        low = generator.next() & 0x3fff_ffff_ffff_ffff | 0x8000_0000_0000_0000
    }

    /// A version 4 UUID from the system's randomness.
    public static func random() -> Self {
        var generator = SystemRandomNumberGenerator()
        return Self(using: &generator)
    }

    /// Nobody's identifier: all zero.
    @inlinable
    public static var none: Self { Self(high: 0, low: 0) }

    /// Reads 16 bytes; `nil` for any other count.
    @inlinable
    public init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        // Data's own iterator costs more than all the rest.
        let read = bytes.withContiguousStorageIfAvailable {
            Self(high: Self.bigEndian($0[..<8]), low: Self.bigEndian($0[8...]))
        }
        self =
            read
            ?? Self(high: Self.bigEndian(bytes.prefix(8)), low: Self.bigEndian(bytes.dropFirst(8)))
    }

    @inlinable
    static func bigEndian(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The 16 bytes of the written form.
    @inlinable
    public var bytes: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
            for index in 0..<16 {
                let half = index < 8 ? high : low
                buffer[index] = UInt8(truncatingIfNeeded: half >> UInt64((7 - index % 8) * 8))
            }
            count = 16
        }
    }

    @inlinable
    public static func == (left: Self, right: Self) -> Bool {
        left.high == right.high && left.low == right.low
    }

    @inlinable
    public func hash(into hasher: inout Hasher) {
        hasher.combine(high)
        hasher.combine(low)
    }
}

extension Identifier: LosslessStringConvertible {
    /// Reads the form `description` writes: 32 hexadecimal digits, hyphens optional.
    public init?(_ description: String) {
        let digits = description.utf8.filter { $0 != UInt8(ascii: "-") }
        guard digits.count == 32 else { return nil }
        let text = String(decoding: digits, as: UTF8.self)
        guard let high = UInt64(hexadecimal: text.prefix(16)),
            let low = UInt64(hexadecimal: text.suffix(16))
        else { return nil }
        self.init(high: high, low: low)
    }

    /// A UUID's usual form, `8-4-4-4-12` in lower-case hexadecimal.
    public var description: String {
        let digits = hexadecimal(high, digits: 16) + hexadecimal(low, digits: 16)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }
}

public enum ClusterTag {}
public enum NodeTag {}
public enum IncarnationTag {}
public enum DeviceTag {}
public enum LeaseTag {}
public enum ClientTag {}

/// One namespace, from `format` on.
public typealias ClusterID = Identifier<ClusterTag>
/// One datanode, from its first start on.
public typealias NodeID = Identifier<NodeTag>
/// One start of a datanode's process.
public typealias IncarnationID = Identifier<IncarnationTag>
/// One data directory.
public typealias DeviceID = Identifier<DeviceTag>
/// The right of one client to write one key.
public typealias LeaseID = Identifier<LeaseTag>
/// One client, for leases and for the outcome of retried requests.
public typealias ClientID = Identifier<ClientTag>

/// A block's number, unique in its cluster for ever. 0 is nobody's.
public struct BlockID: Hashable, Sendable, BitwiseCopyable, Comparable, CustomStringConvertible {
    public let number: UInt64

    @inlinable
    public init(_ number: UInt64) { self.number = number }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    /// Sixteen hexadecimal digits: also the block file's name.
    public var description: String { hexadecimal(number, digits: 16) }
}

/// A block's generation: every change of its chain takes a higher one from the namenode.
public struct Epoch: Hashable, Sendable, BitwiseCopyable, Comparable, CustomStringConvertible {
    public let number: UInt64

    @inlinable
    public init(_ number: UInt64) { self.number = number }

    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    public var description: String { String(number) }
}

/// One start of the namenode on its namespace, drawn by chance and never 0: it tells the histories
/// of a namespace apart that was copied, and so the blocks that each of them made under one number.
public struct NamespaceIncarnation: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    public let number: UInt32

    /// Of blocks that were made before incarnations were kept.
    public static let unknown = NamespaceIncarnation(0)

    @inlinable
    public init(_ number: UInt32) { self.number = number }

    public var description: String { hexadecimal(UInt64(number), digits: 8) }
}

/// A state of the namespace: what a datanode keeps of the one that answered it last.
public struct NamespaceMark: Equatable, Sendable {
    public let incarnation: NamespaceIncarnation
    public let commit: UInt64

    public static let none = NamespaceMark(incarnation: .unknown, commit: 0)

    public init(incarnation: NamespaceIncarnation, commit: UInt64) {
        self.incarnation = incarnation
        self.commit = commit
    }
}

/// Names a token-signing key (its nonce): an ordered counter and a random part, so that keys can be
/// told apart by age and not only by equality.
public struct KeyID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
    public let number: UInt64

    @inlinable
    public init(_ number: UInt64) { self.number = number }

    @inlinable
    public init(counter: UInt32, random: UInt32) {
        number = UInt64(counter) << 32 | UInt64(random)
    }

    public var counter: UInt32 { UInt32(truncatingIfNeeded: number >> 32) }

    public var description: String { hexadecimal(number, digits: 16) }
}
