/// The 128 bytes before every payload on the data plane, little-endian, with their own CRC32C.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 4 | magic, the characters `CTNA` |
/// | 4 | 1 | protocol version, 2 |
/// | 5 | 1 | operation |
/// | 6 | 2 | flags |
/// | 8 | 4 | stream: chosen by the side that opened the connection, repeated in every answer |
/// | 12 | 4 | sequence: counts the frames of a stream in one direction, for traces |
/// | 16 | 8 | block |
/// | 24 | 8 | epoch |
/// | 32 | 8 | offset in the block |
/// | 40 | 4 | payload length |
/// | 44 | 2 | status |
/// | 46 | 2 | piece count |
/// | 48 | 64 | `data`: a CRC32C per piece; `ack`, `sealed`: received, written, durable, 8 each |
/// | 48 | 20 | `write`, `read`: challenge (16), place (4) |
/// | 80 | 32 | the first answer of a stream: the proof that its sender holds the token's key |
/// | 112 | 8 | length: of the block (`seal`, `sealed`), the range (`read`), the prefix (`flush`) |
/// | 120 | 4 | checksum: of the block (`seal`, `sealed`) or the payload (others) |
/// | 124 | 4 | CRC32C of the bytes 0 to 123 |
///
/// Unused fields are zero. The header is decoded field by field from a slot; only what a room asks
/// for is loaded.
public struct FrameHeader: Sendable, Equatable, BitwiseCopyable {
    public static let byteCount = 128
    public static let magic: UInt32 = 0x414e_5443
    public static let version: UInt8 = 2

    public var operation: FrameOperation
    public var flags: FrameFlags = []
    public var stream: UInt32 = 0
    public var sequence: UInt32 = 0
    public var block = BlockID(0)
    public var epoch = Epoch(0)
    public var offset: UInt64 = 0
    public var payloadLength: UInt32 = 0
    public var status: Status = .ok
    public var pieceCount: UInt16 = 0
    public var pieces = PieceChecksums()
    public var progress = Progress()
    public var length: UInt64 = 0
    public var checksum: UInt32 = 0

    @inlinable
    public init(_ operation: FrameOperation) { self.operation = operation }

    /// One past the last byte of the payload, in the block.
    @inlinable
    public var end: UInt64 { offset &+ UInt64(payloadLength) }

    /// Bytes of the frame, header and payload.
    @inlinable
    public var frameBytes: Int { Self.byteCount + Int(payloadLength) }
}

// `write` and `read` have no pieces, and an answer that carries a proof has at most eight: what a
// stream's two ends say to each other lies in their places.
extension FrameHeader {
    /// Pieces in a `data` frame that also carries a proof.
    public static let piecesBesideProof = 8

    /// `write`, `read`: what the answer has to cover.
    public var challenge: Challenge {
        get { Challenge(first: pieces[pair: 0], second: pieces[pair: 2]) }
        set {
            pieces[pair: 0] = newValue.first
            pieces[pair: 2] = newValue.second
        }
    }

    /// `write`, `read`: the receiver's place in the chain that comes with it.
    public var place: UInt32 {
        get { pieces[4] }
        set { pieces[4] = newValue }
    }

    /// The first answer of a stream: `ack`, `sealed`, `error`, or `data` of a read.
    public var proof: StreamProof {
        get {
            var proof = StreamProof()
            proof.first = pieces[pair: 8]
            proof.second = pieces[pair: 10]
            proof.third = pieces[pair: 12]
            proof.fourth = pieces[pair: 14]
            return proof
        }
        set {
            pieces[pair: 8] = newValue.first
            pieces[pair: 10] = newValue.second
            pieces[pair: 12] = newValue.third
            pieces[pair: 14] = newValue.fourth
        }
    }

    var hasRoomForProof: Bool { pieceCount <= Self.piecesBesideProof }
}

/// Up to sixteen CRC32C values: one for each chunk that a data frame touches, over the part it
/// carries.
public struct PieceChecksums: Sendable, BitwiseCopyable, Equatable {
    @usableFromInline
    var storage = InlineArray<16, UInt32>(repeating: 0)

    @inlinable
    public init() {}

    @inlinable
    public subscript(index: Int) -> UInt32 {
        get { storage[index] }
        set { storage[index] = newValue }
    }

    /// Two values as one number of 64 bits, the first in its lower half, as on the wire.
    subscript(pair index: Int) -> UInt64 {
        get { UInt64(storage[index]) | UInt64(storage[index + 1]) << 32 }
        set {
            storage[index] = UInt32(truncatingIfNeeded: newValue)
            storage[index + 1] = UInt32(truncatingIfNeeded: newValue >> 32)
        }
    }

    @inlinable
    public static func == (left: Self, right: Self) -> Bool {
        for index in 0..<Limits.piecesPerFrame where left[index] != right[index] { return false }
        return true
    }
}
