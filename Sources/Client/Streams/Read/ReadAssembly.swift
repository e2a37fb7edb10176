import Wire

/// One range of one block while it arrives, as a pure state: which frame must come next, whether
/// its bytes are what was written, and which of them were asked for.
///
/// It outlives a replica: `request` is the rest of the range that is not verified yet. When the
/// range is a whole block, the block's own checksum is compared before the last frame's bytes are
/// given to anybody: chunks may all be what a replica says and the block still be another one.
package struct ReadAssembly: Equatable {
    package let block: BlockID
    package let epoch: Epoch
    package let blockLength: UInt64
    /// The range asked for, in the block.
    package let range: Range<UInt64>
    /// Every byte of the range below this is verified; it is inside or at an end of `range`.
    package private(set) var verified: UInt64
    /// CRC32C of the range up to `verified`.
    package private(set) var sum = PieceSum()
    /// Where the next frame of this stream must begin.
    private var expected: UInt64
    private let end: UInt64
    /// Of the block, when the range is all of it and the checksum is known.
    private let checksum: UInt32?
    /// More than one replica has given parts of this pass.
    private var isMixed = false
    /// Of the bytes that were given to the owner, in this pass or one before.
    private var passed = PieceSum()

    /// What a frame does against the rules.
    package enum Violation: Error, Equatable {
        case wrongBlock
        /// It does not begin where the last one ended.
        case wrongOffset
        /// It ends inside a chunk.
        case unaligned
        case beyondRange
        /// `last` is set too early, or missing.
        case wrongLast
        /// Its bytes are not what was written.
        case corrupt
        /// The block is whole and is another one.
        case otherBlock
        /// The same of parts that came from several replicas: which one is wrong is not known.
        case mixedBlock
        /// What was given to the owner in an earlier pass is not what this replica has.
        case passedOn
    }

    /// The part of a verified payload that was asked for.
    package struct Slice: Equatable {
        /// In the payload.
        package let start: Int
        package let count: Int
        /// Of its first byte, in the block.
        package let offset: UInt64
    }

    /// - Parameters:
    ///   - range: at least one byte, inside the block.
    ///   - checksum: of the whole block, as CLOSE recorded it.
    package init(
        block: BlockID, epoch: Epoch, blockLength: UInt64, range: Range<UInt64>,
        checksum: UInt32? = nil
    ) {
        precondition(!range.isEmpty && range.upperBound <= blockLength, "a range of the block")
        let chunk = UInt64(Limits.chunkBytes)
        self.block = block
        self.epoch = epoch
        self.blockLength = blockLength
        self.range = range
        verified = range.lowerBound
        expected = range.lowerBound / chunk * chunk
        end = min(blockLength, (range.upperBound + chunk - 1) / chunk * chunk)
        self.checksum = UInt64(range.count) == blockLength ? checksum : nil
    }

    package var isComplete: Bool { verified == range.upperBound }
    /// What to ask the next replica for.
    package var request: Range<UInt64> { verified..<range.upperBound }

    /// A new stream begins at the chunk that holds the first byte of `request`.
    package mutating func restart() {
        isMixed = verified > range.lowerBound
        expected = verified / UInt64(Limits.chunkBytes) * UInt64(Limits.chunkBytes)
    }

    /// Nothing that was read counts any more: the next stream begins at the range's first byte.
    /// - Parameter again: the owner takes bytes again that it was given before; else it is given
    ///   only those behind them, once they are known to be the same.
    package mutating func startOver(again: Bool) {
        verified = range.lowerBound
        sum = PieceSum()
        if again { passed = PieceSum() }
        restart()
    }

    /// Judges a data frame by its header, before its payload is received.
    package func judge(_ header: FrameHeader) throws(Violation) {
        guard header.block == block, header.epoch == epoch else { throw .wrongBlock }
        guard header.offset == expected else { throw .wrongOffset }
        guard header.end <= end else { throw .beyondRange }
        guard header.end == end || header.end % UInt64(Limits.chunkBytes) == 0 else {
            throw .unaligned
        }
        let isLast = header.flags.contains(.last)
        guard isLast == (header.end == end), !isLast || !header.flags.contains(.more) else {
            throw .wrongLast
        }
    }

    /// Checks the payload of a frame that was judged, and gives the part of it that was asked for
    /// and is new.
    package mutating func take(
        _ header: FrameHeader, _ payload: UnsafeRawPointer
    ) throws(Violation) -> Slice {
        precondition(header.offset == expected, "a frame is judged before it is taken")
        guard header.matches(payload) else { throw .corrupt }
        let from = max(header.offset, verified)
        let to = min(header.end, range.upperBound)
        for index in 0..<Int(header.pieceCount) {
            append(header, index, payload, from, to)
            guard sum.length != passed.length || sum == passed else { throw .passedOn }
        }
        expected = header.end
        verified = max(verified, to)
        if isComplete, let checksum, sum.checksum != checksum {
            throw isMixed ? .mixedBlock : .otherBlock
        }
        let first = max(from, range.lowerBound + passed.length)
        if sum.length > passed.length { passed = sum }
        return Slice(
            start: Int(first - header.offset), count: Int(max(first, to) - first), offset: first)
    }

    /// Adds what the range has of one piece; a piece that is inside it needs no second pass over
    /// its bytes.
    private mutating func append(
        _ header: FrameHeader, _ index: Int, _ payload: UnsafeRawPointer, _ from: UInt64,
        _ to: UInt64
    ) {
        let part = header.piece(index)
        let start = max(part.lowerBound, Int(from - header.offset))
        let stop = min(part.upperBound, Int(to - header.offset))
        guard start < stop else { return }
        let isWhole = start == part.lowerBound && stop == part.upperBound
        let piece =
            isWhole
            ? header.pieces[index] : CRC32C.of(payload + start, count: stop - start)
        sum.append(piece, length: UInt64(stop - start))
    }
}
