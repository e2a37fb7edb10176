import System
import Testing
import Wire

/// What a header must not be, and the status it gets for it.
struct MalformedHeaderTests {
    private func refusalOf(
        _ operation: FrameOperation, _ change: (inout FrameHeader) -> Void
    ) -> Status {
        var header = FrameHeader(operation)
        if operation == .data {
            header.payloadLength = 100
            header.pieceCount = 1
        }
        if operation == .flush { header.length = 1 }
        change(&header)
        return refusal(encoded(header))
    }

    @Test func unknownOperationsAreRefused() {
        for value in UInt8.min...UInt8.max where FrameOperation(rawValue: value) == nil {
            var bytes = encoded(FrameHeader(.seal))
            bytes[5] = value
            #expect(refusal(resealed(bytes)) == .unknownOperation)
        }
    }

    @Test func flagsAnOperationDoesNotDefineAreRefused() {
        for operation in FrameOperation.allCases {
            for bit in 0..<16 {
                let flag = FrameFlags(rawValue: 1 << bit)
                let allowed = flag.isSubset(of: .allowed(in: operation))
                let status = refusalOf(operation) { $0.flags = flag }
                #expect(status == (allowed ? .ok : .badFlags), "\(operation) bit \(bit)")
            }
        }
    }

    @Test func payloadLengthsAreBounded() {
        #expect(refusalOf(.data) { $0.payloadLength = 0 } == .badPayloadLength)
        #expect(
            refusalOf(.data) { $0.payloadLength = UInt32(Limits.payloadBytes) + 1 }
                == .payloadTooLarge)
        #expect(refusalOf(.data) { $0.payloadLength = .max } == .payloadTooLarge)
        for operation in [FrameOperation.write, .read, .error, .sealed] {
            #expect(refusalOf(operation) { $0.payloadLength = 1_536 } == .ok)
            #expect(refusalOf(operation) { $0.payloadLength = 1_537 } == .payloadTooLarge)
            #expect(refusalOf(operation) { $0.payloadLength = .max } == .payloadTooLarge)
        }
        for operation in [FrameOperation.seal, .ack, .flush] {
            #expect(refusalOf(operation) { $0.payloadLength = 1 } == .badPayloadLength)
        }
    }

    @Test func aFlushNamesAPrefixOfABlock() {
        let longest = UInt64(Limits.blockBytes.upperBound)
        #expect(refusalOf(.flush) { $0.length = 0 } == .badRange)
        #expect(refusalOf(.flush) { $0.length = longest } == .ok)
        #expect(refusalOf(.flush) { $0.length = longest + 1 } == .badRange)
    }

    @Test func pieceCountsMustFit() {
        #expect(refusalOf(.data) { $0.pieceCount = 0 } == .badPieceCount)
        #expect(refusalOf(.data) { $0.pieceCount = 2 } == .badPieceCount)
        // A whole frame's bytes that begin inside a chunk touch seventeen.
        let unaligned = refusalOf(.data) {
            $0.offset = 1
            $0.payloadLength = UInt32(Limits.payloadBytes)
            $0.pieceCount = 17
        }
        #expect(unaligned == .badPieceCount)
        for operation in FrameOperation.allCases where operation != .data {
            #expect(refusalOf(operation) { $0.pieceCount = 1 } == .badPieceCount)
        }
    }

    @Test func rangesBeyondTheLongestBlockAreRefused() {
        let most = UInt64(Limits.blockBytes.upperBound)
        #expect(refusalOf(.data) { $0.offset = most + 1 } == .badRange)
        #expect(refusalOf(.data) { $0.offset = .max } == .badRange)
        #expect(refusalOf(.read) { $0.offset = most + 1 } == .badRange)
        #expect(refusalOf(.read) { $0.length = most + 1 } == .badRange)
        #expect(
            refusalOf(.read) {
                $0.offset = most
                $0.length = most
            } == .ok)
    }

    /// The order of the checks is part of the protocol: what is named is the first thing wrong.
    @Test func theFirstThingWrongIsNamed() {
        var bytes = encoded(FrameHeader(.seal))
        bytes[44] = 1
        #expect(refusal(bytes) == .badHeaderChecksum)
        bytes[4] = 1
        #expect(refusal(bytes) == .badVersion)
        bytes[0] = 0
        #expect(refusal(bytes) == .badMagic)
        var wrong = encoded(FrameHeader(.seal))
        wrong[40] = 1
        wrong[6] = 0x10
        #expect(refusal(resealed(wrong)) == .badFlags)
        wrong[5] = 99
        #expect(refusal(resealed(wrong)) == .unknownOperation)
    }

    /// Whatever comes: an answer, never a trap, and what is accepted keeps the bounds.
    @Test func oneHundredThousandHostileHeaders() {
        let seed: UInt64 = 0xbad_5eed
        var generator = Seeded(seed)
        var accepted = 0
        for round in 0..<100_000 {
            var bytes: [UInt8]
            switch round % 4 {
            case 0: bytes = generator.bytes(FrameHeader.byteCount)
            case 1: bytes = mutated(encoded(randomHeader(&generator)), &generator)
            case 2: bytes = resealed(mutated(encoded(randomHeader(&generator)), &generator))
            default:
                bytes = generator.bytes(FrameHeader.byteCount)
                bytes.replaceSubrange(0..<5, with: [0x43, 0x54, 0x4e, 0x41, 1])
                bytes[5] = UInt8.random(in: 0...9, using: &generator)
                bytes[6] &= 0x0f
                bytes[7] = 0
                bytes = resealed(bytes)
            }
            do {
                let header = try decoded(bytes)
                accepted += 1
                #expect(header.payloadLength <= Limits.payloadBytes, "seed \(seed) round \(round)")
                #expect(Int(header.pieceCount) <= Limits.piecesPerFrame)
                #expect(header.flags.isSubset(of: .allowed(in: header.operation)))
            } catch let malformed as FrameHeader.Malformed {
                #expect(malformed.status != .ok)
            } catch {
                Issue.record("seed \(seed) round \(round): \(error)")
            }
        }
        // The generator would test nothing if everything fell at the first check.
        #expect(accepted > 1_000)
    }

    private func mutated(_ bytes: [UInt8], _ generator: inout Seeded) -> [UInt8] {
        var bytes = bytes
        for _ in 0...Int.random(in: 0...3, using: &generator) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        }
        return bytes
    }
}

/// The same bytes with a checksum that fits them.
func resealed(_ bytes: [UInt8]) -> [UInt8] {
    let checksum = CRC32C.of(Array(bytes[..<124]))
    return bytes[..<124] + (0..<4).map { UInt8(truncatingIfNeeded: checksum >> ($0 * 8)) }
}
