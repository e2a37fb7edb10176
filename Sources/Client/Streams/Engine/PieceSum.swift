import Wire

/// CRC32C over a run of bytes from the sums of its parts, in order.
package struct PieceSum: BitwiseCopyable, Equatable {
    package private(set) var checksum: UInt32 = 0
    package private(set) var length: UInt64 = 0
    private static let chunkShift = CRC32C.shift(by: UInt64(Limits.chunkBytes))

    package init() {}

    package mutating func append(_ piece: UInt32, length count: UInt64) {
        let shift =
            count == UInt64(Limits.chunkBytes) ? Self.chunkShift : CRC32C.shift(by: count)
        checksum = CRC32C.multiply(checksum, shift) ^ piece
        length += count
    }

    /// Adds the pieces of one data frame.
    package mutating func append(_ header: FrameHeader) {
        for index in 0..<Int(header.pieceCount) {
            append(header.pieces[index], length: UInt64(header.piece(index).count))
        }
    }
}

extension FrameHeader {
    /// The bytes of the payload that piece `index` covers.
    package func piece(_ index: Int) -> Range<Int> {
        let chunk = UInt64(Limits.chunkBytes)
        let start = index == 0 ? offset : (offset / chunk + UInt64(index)) * chunk
        let stop = min(end, (offset / chunk + UInt64(index) + 1) * chunk)
        return Int(start - offset)..<Int(stop - offset)
    }

    /// Computes the checksum of every piece of the payload.
    package mutating func sumPieces(_ payload: UnsafeRawPointer) {
        let count = Self.pieces(offset: offset, length: payloadLength)
        pieceCount = UInt16(count)
        for index in 0..<count {
            let part = piece(index)
            pieces[index] = CRC32C.of(payload + part.lowerBound, count: part.count)
        }
    }

    /// Whether every piece of the payload has the checksum that the header names.
    package func matches(_ payload: UnsafeRawPointer) -> Bool {
        for index in 0..<Int(pieceCount) {
            let part = piece(index)
            guard CRC32C.of(payload + part.lowerBound, count: part.count) == pieces[index] else {
                return false
            }
        }
        return true
    }

    /// The longest payload a frame at `offset` may have: its pieces must fit the header.
    package static func longestPayload(at offset: UInt64, packetBytes: Int) -> Int {
        let chunk = UInt64(Limits.chunkBytes)
        let stop = (offset / chunk + UInt64(Limits.piecesPerFrame)) * chunk
        return min(packetBytes, Int(stop - offset))
    }
}
