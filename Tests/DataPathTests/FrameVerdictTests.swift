import Testing
import Wire

@testable import DataPath

/// Step 3 of the write path as a table: the notes' rule, and every bound of it.
struct FrameVerdictTests {
    static let limits = FrameVerdict.Limits(maxLength: 10_000, heldFrames: 2, heldBytesBeyond: 1000)

    private func of(
        _ offset: UInt64, _ length: UInt32, hwm: UInt64, held: Int = 0, sealed: UInt64? = nil
    ) -> FrameVerdict {
        .of(
            offset: offset, length: length, hwm: hwm, held: held, sealedLength: sealed,
            limits: Self.limits)
    }

    @Test func atTheHighWaterMarkItAdvances() {
        #expect(of(0, 1, hwm: 0) == .advance)
        #expect(of(500, 100, hwm: 500) == .advance)
        #expect(of(9_900, 100, hwm: 9_900) == .advance)
    }

    @Test func beyondAGapItIsHeldWithinTheWindow() {
        #expect(of(501, 499, hwm: 500) == .hold)
        #expect(of(600, 900, hwm: 500) == .hold)
        #expect(of(600, 901, hwm: 500) == .refuse(.gapBeyondWindow))
        #expect(of(600, 10, hwm: 500, held: 1) == .hold)
        #expect(of(600, 10, hwm: 500, held: 2) == .refuse(.gapBeyondWindow))
    }

    @Test func belowTheHighWaterMarkItIsADuplicateOrStraddles() {
        #expect(of(0, 500, hwm: 500) == .duplicate)
        #expect(of(499, 1, hwm: 500) == .duplicate)
        #expect(of(499, 2, hwm: 500) == .refuse(.straddles))
    }

    @Test func theTokensLengthIsTheEnd() {
        #expect(of(9_900, 101, hwm: 9_900) == .refuse(.tokenTooShort))
        #expect(of(20_000, 1, hwm: 500) == .refuse(.tokenTooShort))
    }

    @Test func aSealedLengthIsTheEndToo() {
        #expect(of(500, 100, hwm: 500, sealed: 600) == .advance)
        #expect(of(500, 101, hwm: 500, sealed: 600) == .refuse(.sealed))
        #expect(of(0, 100, hwm: 600, sealed: 600) == .duplicate)
        #expect(of(600, 1, hwm: 600, sealed: 600) == .refuse(.sealed))
    }

    /// What waits for a gap never overlaps with what takes its place, or comes to wait too.
    @Test func besideAFrameThatWaitsItIsTheSameOrDoesNotTouch() {
        func frame(_ offset: UInt64, _ length: UInt32, _ piece: UInt32 = 7) -> FrameHeader {
            var header = FrameHeader(.data)
            header.offset = offset
            header.payloadLength = length
            header.pieces[0] = piece
            return header
        }
        let held = frame(600, 100)
        #expect(FrameVerdict.of(frame(500, 100), beside: held) == nil)
        #expect(FrameVerdict.of(frame(700, 100), beside: held) == nil)
        #expect(FrameVerdict.of(frame(600, 100), beside: held) == .repeated)
        #expect(FrameVerdict.of(frame(600, 100, 8), beside: held) == .refuse(.conflict))
        for (offset, length) in [(500, 101), (600, 99), (699, 100), (500, 300)]
            as [(UInt64, UInt32)]
        {
            #expect(FrameVerdict.of(frame(offset, length), beside: held) == .refuse(.straddles))
        }
    }
}
