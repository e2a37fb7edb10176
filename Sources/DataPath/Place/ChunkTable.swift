import Wire

/// The CRC32C of every chunk of one block, up to the HWM; the last one covers what there is of its
/// chunk.
///
/// Memory: 4 bytes a chunk, for the longest block the token allows, taken when the block is opened.
struct ChunkTable: ~Copyable {
    let capacity: Int
    private let checksums: UnsafeMutablePointer<UInt32>

    init(maxLength: UInt64) {
        capacity = max(1, BlockLayout.chunks(length: maxLength))
        checksums = .allocate(capacity: capacity)
        checksums.initialize(repeating: 0, count: capacity)
    }

    deinit { checksums.deallocate() }

    subscript(chunk: Int) -> UInt32 {
        get {
            precondition(chunk < capacity, "a chunk of the block")
            return checksums[chunk]
        }
        nonmutating set {
            precondition(chunk < capacity, "a chunk of the block")
            checksums[chunk] = newValue
        }
    }

    /// Adds a frame that begins at the HWM.
    func append(offset: UInt64, length: UInt32, pieces: PieceChecksums) {
        var pieceStart = offset
        for index in 0..<FrameHeader.pieces(offset: offset, length: length) {
            let piece = Piece(from: pieceStart, to: offset + UInt64(length))
            if piece.startsChunk {
                self[piece.chunk] = pieces[index]
            } else {
                self[piece.chunk] = CRC32C.combine(
                    self[piece.chunk], pieces[index], secondLength: piece.length)
            }
            pieceStart += piece.length
        }
    }

    /// Compares a frame below the HWM with what is here. `unknown`: a piece is only a part of its
    /// chunk, so the bytes themselves must be compared.
    enum Comparison { case same, different, unknown }

    func compare(
        offset: UInt64, length: UInt32, pieces: PieceChecksums, hwm: UInt64
    ) -> Comparison {
        var pieceStart = offset
        var result = Comparison.same
        for index in 0..<FrameHeader.pieces(offset: offset, length: length) {
            let piece = Piece(from: pieceStart, to: offset + UInt64(length))
            if piece.startsChunk && (piece.endsChunk || piece.end == hwm) {
                if self[piece.chunk] != pieces[index] { return .different }
            } else {
                result = .unknown
            }
            pieceStart += piece.length
        }
        return result
    }

    /// The CRC32C of the whole block from those of its chunks.
    func blockChecksum(length: UInt64) -> UInt32 {
        var whole: UInt32 = 0
        let shift = CRC32C.shift(by: UInt64(Limits.chunkBytes))
        for chunk in 0..<BlockLayout.chunks(length: length) {
            let start = UInt64(chunk) * UInt64(Limits.chunkBytes)
            let size = min(UInt64(Limits.chunkBytes), length - start)
            let factor = size == Limits.chunkBytes ? shift : CRC32C.shift(by: size)
            whole = CRC32C.multiply(whole, factor) ^ self[chunk]
        }
        return whole
    }
}

/// The part of one chunk that a frame carries.
struct Piece {
    let chunk: Int
    let start: UInt64
    let end: UInt64

    init(from start: UInt64, to limit: UInt64) {
        let size = UInt64(Limits.chunkBytes)
        chunk = Int(start / size)
        self.start = start
        end = min(limit, (start / size + 1) * size)
    }

    var length: UInt64 { end - start }
    var startsChunk: Bool { start % UInt64(Limits.chunkBytes) == 0 }
    var endsChunk: Bool { end % UInt64(Limits.chunkBytes) == 0 }
}
