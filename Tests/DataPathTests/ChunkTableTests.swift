import System
import Testing
import Wire

@testable import DataPath

struct ChunkTableTests {
    private func frame(_ bytes: [UInt8], _ offset: Int, _ length: Int) -> FrameHeader {
        var header = FrameHeader(.data)
        header.offset = UInt64(offset)
        header.payloadLength = UInt32(length)
        var start = UInt64(offset)
        var index = 0
        while start < header.end {
            let piece = Piece(from: start, to: header.end)
            header.pieces[index] = CRC32C.of(Array(bytes[Int(piece.start)..<Int(piece.end)]))
            start = piece.end
            index += 1
        }
        header.pieceCount = UInt16(index)
        return header
    }

    /// However a block is cut into frames, its table and its checksum are those of its bytes.
    @Test(arguments: [1, 100, 4096, 65_536, 65_537, 200_000])
    func anyCutGivesTheSameTable(most: Int) {
        var random = Seeded(UInt64(most))
        let bytes = (0..<300_001).map { _ in UInt8.random(in: 0...255, using: &random) }
        let table = ChunkTable(maxLength: UInt64(bytes.count))
        var offset = 0
        while offset < bytes.count {
            let length = min(
                Int.random(in: 1...max(most, most / 2 + 1), using: &random), bytes.count - offset)
            let header = frame(bytes, offset, length)
            table.append(
                offset: header.offset, length: header.payloadLength, pieces: header.pieces)
            offset += length
        }
        for chunk in 0..<BlockLayout.chunks(length: UInt64(bytes.count)) {
            let start = chunk * Limits.chunkBytes
            let end = min(start + Limits.chunkBytes, bytes.count)
            #expect(table[chunk] == CRC32C.of(Array(bytes[start..<end])))
        }
        #expect(table.blockChecksum(length: UInt64(bytes.count)) == CRC32C.of(bytes))
    }

    @Test func duplicatesAreComparedByChunkWhereThatIsPossible() {
        let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let table = ChunkTable(maxLength: 200_000)
        let whole = frame(bytes, 0, 200_000)
        table.append(offset: 0, length: 200_000, pieces: whole.pieces)
        func compare(_ header: FrameHeader) -> ChunkTable.Comparison {
            table.compare(
                offset: header.offset, length: header.payloadLength, pieces: header.pieces,
                hwm: 200_000)
        }
        #expect(compare(whole) == .same)
        #expect(compare(frame(bytes, 65_536, 65_536)) == .same)
        #expect(compare(frame(bytes, 65_536, 65_535)) == .unknown, "a part of a chunk")
        #expect(compare(frame(bytes, 1, 100)) == .unknown)
        var other = frame(bytes, 0, 131_072)
        other.pieces[1] ^= 1
        #expect(compare(other) == .different)
    }
}
