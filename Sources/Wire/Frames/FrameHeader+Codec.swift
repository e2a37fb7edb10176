extension FrameHeader {
    /// Why bytes are not a header. `Status` without its other cases, so that a decoder cannot
    /// answer `ok`.
    public struct Malformed: Error, Equatable {
        public let status: Status

        @inlinable
        init(_ status: Status) { self.status = status }
    }

    /// Writes the 128 bytes, checksum last.
    @inlinable
    public func encode(into bytes: UnsafeMutableRawPointer) {
        bytes.storeLittle(Self.magic, at: 0)
        bytes.storeLittle(Self.version, at: 4)
        bytes.storeLittle(operation.rawValue, at: 5)
        bytes.storeLittle(flags.rawValue, at: 6)
        bytes.storeLittle(stream, at: 8)
        bytes.storeLittle(sequence, at: 12)
        bytes.storeLittle(block.number, at: 16)
        bytes.storeLittle(epoch.number, at: 24)
        bytes.storeLittle(offset, at: 32)
        bytes.storeLittle(payloadLength, at: 40)
        bytes.storeLittle(status.rawValue, at: 44)
        bytes.storeLittle(pieceCount, at: 46)
        if operation == .ack || operation == .sealed {
            bytes.storeLittle(progress.received, at: 48)
            bytes.storeLittle(progress.written, at: 56)
            bytes.storeLittle(progress.durable, at: 64)
            bytes.storeLittle(UInt64(0), at: 72)
            for index in 8..<16 { bytes.storeLittle(pieces[index], at: 48 + 4 * index) }
        } else {
            for index in 0..<16 { bytes.storeLittle(pieces[index], at: 48 + 4 * index) }
        }
        bytes.storeLittle(length, at: 112)
        bytes.storeLittle(checksum, at: 120)
        bytes.storeLittle(CRC32C.of(bytes, count: 124), at: 124)
    }

    /// Gives the 128 bytes of an `error` the version of the frame that it answers: who speaks
    /// another one gets to read why it is refused. Every version has this layout of an `error`.
    public static func setVersion(_ version: UInt8, of bytes: UnsafeMutableRawPointer) {
        bytes.storeLittle(version, at: 4)
        bytes.storeLittle(CRC32C.of(bytes, count: 124), at: 124)
    }

    /// Reads and checks the 128 bytes: magic, version, checksum, operation, flags, then lengths
    /// against the operation's bounds, so that nothing is allocated or received on an unchecked
    /// number.
    @inlinable
    public init(decoding bytes: UnsafeRawPointer) throws(Malformed) {
        guard bytes.loadLittle(UInt32.self, at: 0) == Self.magic else { throw Malformed(.badMagic) }
        // An `error` is read whatever its version: it says why another one is refused.
        guard
            bytes.loadLittle(UInt8.self, at: 4) == Self.version
                || bytes.loadLittle(UInt8.self, at: 5) == FrameOperation.error.rawValue
        else { throw Malformed(.badVersion) }
        guard bytes.loadLittle(UInt32.self, at: 124) == CRC32C.of(bytes, count: 124) else {
            throw Malformed(.badHeaderChecksum)
        }
        guard let operation = FrameOperation(rawValue: bytes.loadLittle(UInt8.self, at: 5)) else {
            throw Malformed(.unknownOperation)
        }
        self.init(operation)
        flags = FrameFlags(rawValue: bytes.loadLittle(UInt16.self, at: 6))
        guard flags.isSubset(of: .allowed(in: operation)) else { throw Malformed(.badFlags) }
        stream = bytes.loadLittle(UInt32.self, at: 8)
        sequence = bytes.loadLittle(UInt32.self, at: 12)
        block = BlockID(bytes.loadLittle(UInt64.self, at: 16))
        epoch = Epoch(bytes.loadLittle(UInt64.self, at: 24))
        offset = bytes.loadLittle(UInt64.self, at: 32)
        payloadLength = bytes.loadLittle(UInt32.self, at: 40)
        // A status this build does not know comes from a newer peer; the sentence beside it still
        // informs.
        status = Status(rawValue: bytes.loadLittle(UInt16.self, at: 44)) ?? .nextHopFailed
        pieceCount = bytes.loadLittle(UInt16.self, at: 46)
        if operation == .ack || operation == .sealed {
            progress.received = bytes.loadLittle(UInt64.self, at: 48)
            progress.written = bytes.loadLittle(UInt64.self, at: 56)
            progress.durable = bytes.loadLittle(UInt64.self, at: 64)
            for index in 8..<16 {
                pieces[index] = bytes.loadLittle(UInt32.self, at: 48 + 4 * index)
            }
        } else {
            for index in 0..<16 {
                pieces[index] = bytes.loadLittle(UInt32.self, at: 48 + 4 * index)
            }
        }
        length = bytes.loadLittle(UInt64.self, at: 112)
        checksum = bytes.loadLittle(UInt32.self, at: 120)
        try checkLengths()
    }

    @inlinable
    func checkLengths() throws(Malformed) {
        switch operation {
        case .data:
            guard payloadLength <= Limits.payloadBytes else { throw Malformed(.payloadTooLarge) }
            guard payloadLength > 0 else { throw Malformed(.badPayloadLength) }
            guard offset <= Limits.blockBytes.upperBound else { throw Malformed(.badRange) }
            guard Int(pieceCount) == Self.pieces(offset: offset, length: payloadLength),
                pieceCount <= Limits.piecesPerFrame
            else { throw Malformed(.badPieceCount) }
        case .write, .read, .error, .sealed:
            guard payloadLength <= Limits.controlPayloadBytes else {
                throw Malformed(.payloadTooLarge)
            }
            guard pieceCount == 0 else { throw Malformed(.badPieceCount) }
            if operation == .read {
                let most = UInt64(Limits.blockBytes.upperBound)
                guard offset <= most, length <= most else { throw Malformed(.badRange) }
            }
        case .seal, .ack, .flush:
            guard payloadLength == 0 else { throw Malformed(.badPayloadLength) }
            guard pieceCount == 0 else { throw Malformed(.badPieceCount) }
            guard operation != .flush || (1...UInt64(Limits.blockBytes.upperBound)) ~= length
            else { throw Malformed(.badRange) }
        }
    }

    /// How many chunks `length` bytes from `offset` touch.
    @inlinable
    public static func pieces(offset: UInt64, length: UInt32) -> Int {
        guard length > 0 else { return 0 }
        let chunk = UInt64(Limits.chunkBytes)
        return Int((offset &+ UInt64(length) &- 1) / chunk &- offset / chunk) + 1
    }
}
