/// 16 bytes that an opener made up for one stream: an answer to another one proves nothing.
public struct Challenge: Equatable, Sendable, BitwiseCopyable {
    public var first: UInt64
    public var second: UInt64

    @inlinable
    public init(first: UInt64 = 0, second: UInt64 = 0) {
        self.first = first
        self.second = second
    }

    public init(using generator: inout some RandomNumberGenerator) {
        first = generator.next()
        second = generator.next()
    }

    /// As they travel: both numbers little-endian.
    public var bytes: [UInt8] {
        [first, second].flatMap { number in
            withUnsafeBytes(of: number.littleEndian) { Array($0) }
        }
    }
}

/// 32 bytes with which a node shows that it holds the key of the token it was shown.
public struct StreamProof: Equatable, Sendable, BitwiseCopyable {
    var first: UInt64
    var second: UInt64
    var third: UInt64
    var fourth: UInt64

    /// No proof: what a frame that carries none has there.
    public init() {
        first = 0
        second = 0
        third = 0
        fourth = 0
    }

    /// Compares in constant time.
    public static func == (left: Self, right: Self) -> Bool {
        (left.first ^ right.first) | (left.second ^ right.second) | (left.third ^ right.third)
            | (left.fourth ^ right.fourth) == 0
    }
}

/// The opener's side: what the first answer of a stream must carry before anything that its sender
/// says is believed.
public struct ProofCheck: Equatable, Sendable, BitwiseCopyable {
    private let expected: StreamProof
    /// The node has shown that it holds the key.
    public private(set) var isGiven = false

    /// - Parameter opening: the `write` or `read` frame as it is sent.
    public init(of opening: FrameHeader, key: StreamKey) { expected = key.proof(of: opening) }

    /// Whether an answer may be believed: the first one of a stream carries the proof.
    public mutating func believes(_ answer: FrameHeader) -> Bool {
        if !isGiven { isGiven = answer.hasRoomForProof && answer.proof == expected }
        return isGiven
    }
}

extension Status {
    /// What an error counts as that came without a proof. Of frames and of itself anybody may
    /// speak; of the token, the block and the chain behind it only who holds the token's key.
    public var withoutProof: Status {
        switch family {
        case .success, .frame, .node: self
        case .token, .stream, .chain: .unproven
        }
    }
}
