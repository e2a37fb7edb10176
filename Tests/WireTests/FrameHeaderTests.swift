import System
import Testing
import Wire

/// The golden bytes were made by another implementation, from docs/PROTOCOL.md alone.
struct FrameHeaderTests {
    @Test func dataHeaderHasTheGoldenBytes() throws {
        var header = FrameHeader(.data)
        header.flags = [.more, .last]
        header.stream = 7
        header.sequence = 9
        header.block = BlockID(0x1122_3344_5566_7788)
        header.epoch = Epoch(3)
        header.offset = 65_436
        header.payloadLength = 65_636
        header.pieceCount = 2
        header.pieces[0] = 0xdead_beef
        header.pieces[1] = 0x0102_0304
        try check(
            header,
            """
            43544e4102020900070000000900000088776655443322110300000000000000
            9cff0000000000006400010000000200efbeadde040302010000000000000000
            0000000000000000000000000000000000000000000000000000000000000000
            000000000000000000000000000000000000000000000000000000001df313ca
            """)
    }

    @Test func ackHeaderHasTheGoldenBytes() throws {
        var header = FrameHeader(.ack)
        header.stream = 7
        header.sequence = 2
        header.block = BlockID(5)
        header.epoch = Epoch(1)
        header.progress = Progress(received: 3 << 20, written: 2 << 20, durable: 1 << 20)
        try check(
            header,
            """
            43544e4102040000070000000200000005000000000000000100000000000000
            0000000000000000000000000000000000003000000000000000200000000000
            0000100000000000000000000000000000000000000000000000000000000000
            00000000000000000000000000000000000000000000000000000000ad0eb79b
            """)
    }

    @Test func sealedHeaderHasTheGoldenBytes() throws {
        var header = FrameHeader(.sealed)
        header.flags = [.written, .durable]
        header.stream = 1
        header.sequence = 1
        header.block = BlockID(5)
        header.epoch = Epoch(1)
        header.payloadLength = 96
        header.progress = Progress(received: 100, written: 100, durable: 100)
        header.length = 100
        header.checksum = 0xe306_9283
        try check(
            header,
            """
            43544e4102050600010000000100000005000000000000000100000000000000
            0000000000000000600000000000000064000000000000006400000000000000
            6400000000000000000000000000000000000000000000000000000000000000
            000000000000000000000000000000006400000000000000839206e308ef3a83
            """)
    }

    @Test func errorHeaderHasTheGoldenBytes() throws {
        var header = FrameHeader(.error)
        header.stream = 1
        header.block = BlockID(5)
        header.epoch = Epoch(1)
        header.payloadLength = 20
        header.status = .gapBeyondWindow
        header.checksum = 0xcafe_babe
        try check(
            header,
            """
            43544e4102070000010000000000000005000000000000000100000000000000
            0000000000000000140000002d01000000000000000000000000000000000000
            0000000000000000000000000000000000000000000000000000000000000000
            000000000000000000000000000000000000000000000000bebafeca2e36b650
            """)
    }

    private func check(_ header: FrameHeader, _ golden: String) throws {
        #expect(encoded(header) == bytes(hex: golden))
        #expect(try decoded(bytes(hex: golden)) == header)
    }

    @Test func everyOperationSurvivesARoundTrip() throws {
        let seed: UInt64 = 0x5eed_0001
        var generator = Seeded(seed)
        for round in 0..<2_000 {
            let header = randomHeader(&generator)
            #expect(try decoded(encoded(header)) == header, "seed \(seed) round \(round)")
        }
    }

    /// Any of the 1,024 bits, flipped, is noticed.
    @Test func everyFlippedBitIsRefused() throws {
        var header = FrameHeader(.data)
        header.payloadLength = 4_096
        header.pieceCount = 1
        header.pieces[0] = 0x1234_5678
        let good = encoded(header)
        for bit in 0..<(FrameHeader.byteCount * 8) {
            var bad = good
            bad[bit / 8] ^= 1 << (bit % 8)
            let expected: Status =
                bit < 32 ? .badMagic : bit < 40 ? .badVersion : .badHeaderChecksum
            #expect(refusal(bad) == expected, "bit \(bit)")
        }
    }

    @Test func piecesAreTheChunksTouched() {
        let chunk = UInt64(Limits.chunkBytes)
        #expect(FrameHeader.pieces(offset: 0, length: 0) == 0)
        #expect(FrameHeader.pieces(offset: 0, length: 1) == 1)
        #expect(FrameHeader.pieces(offset: chunk - 1, length: 1) == 1)
        #expect(FrameHeader.pieces(offset: chunk - 1, length: 2) == 2)
        #expect(FrameHeader.pieces(offset: 0, length: UInt32(Limits.payloadBytes)) == 16)
        #expect(FrameHeader.pieces(offset: 1, length: UInt32(Limits.payloadBytes)) == 17)
    }
}

func encoded(_ header: FrameHeader) -> [UInt8] {
    var bytes = [UInt8](repeating: 0xaa, count: FrameHeader.byteCount)
    bytes.withUnsafeMutableBytes { header.encode(into: $0.baseAddress.unsafelyUnwrapped) }
    return bytes
}

func decoded(_ bytes: [UInt8]) throws -> FrameHeader {
    precondition(bytes.count == FrameHeader.byteCount)
    return try bytes.withUnsafeBytes {
        try FrameHeader(decoding: $0.baseAddress.unsafelyUnwrapped)
    }
}

/// The status with which bytes are refused; `ok` when they are a header.
func refusal(_ bytes: [UInt8]) -> Status {
    do {
        _ = try decoded(bytes)
        return .ok
    } catch let malformed as FrameHeader.Malformed {
        return malformed.status
    } catch {
        preconditionFailure("a decoder throws Malformed only")
    }
}

/// Any header that keeps its operation's rules.
func randomHeader(_ generator: inout Seeded) -> FrameHeader {
    let operation = FrameOperation.allCases.randomElement(using: &generator).unsafelyUnwrapped
    var header = FrameHeader(operation)
    header.flags = FrameFlags(rawValue: UInt16(truncatingIfNeeded: generator.next()))
        .intersection(.allowed(in: operation))
    header.stream = UInt32(truncatingIfNeeded: generator.next())
    header.sequence = UInt32(truncatingIfNeeded: generator.next())
    header.block = BlockID(generator.next())
    header.epoch = Epoch(generator.next())
    header.offset = generator.next() % UInt64(Limits.blockBytes.upperBound)
    header.length = generator.next() % UInt64(Limits.blockBytes.upperBound)
    header.checksum = UInt32(truncatingIfNeeded: generator.next())
    switch operation {
    case .data:
        header.payloadLength = UInt32.random(in: 1...983_040, using: &generator)
        let pieces = FrameHeader.pieces(offset: header.offset, length: header.payloadLength)
        header.pieceCount = UInt16(pieces)
        for index in 0..<pieces {
            header.pieces[index] = UInt32(truncatingIfNeeded: generator.next())
        }
    case .write, .read:
        header.payloadLength = UInt32.random(in: 0...1_536, using: &generator)
        header.challenge = Challenge(using: &generator)
        header.place = UInt32.random(in: 0...4, using: &generator)
    case .error:
        header.payloadLength = UInt32.random(in: 16...416, using: &generator)
        header.status = Status.allCases.randomElement(using: &generator).unsafelyUnwrapped
    case .ack, .sealed:
        header.progress = Progress(
            received: generator.next(), written: generator.next(), durable: generator.next())
    case .seal: break
    case .flush: header.length = max(1, header.length)
    }
    return header
}
