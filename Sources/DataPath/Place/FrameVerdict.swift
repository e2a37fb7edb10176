import Reactor
import Wire

/// Step 3 of the write path as a pure decision: what becomes of a data frame, by where it lies.
enum FrameVerdict: Equatable {
    /// Begins at the HWM: takes its place, and the HWM advances.
    case advance
    /// Lies beyond a gap, within the window: kept until the gap fills.
    case hold
    /// Waits for its gap to fill already: dropped.
    case repeated
    /// Lies below the HWM: compared with what is there, then acked again.
    case duplicate
    case refuse(Status)

    struct Limits: Equatable {
        var maxLength: UInt64
        var heldFrames: Int
        var heldBytesBeyond: UInt64
    }

    /// - Parameters:
    ///   - hwm: end of the contiguous prefix this node holds.
    ///   - held: frames that wait for a gap already.
    ///   - sealedLength: the block's length once a seal is known.
    static func of(
        offset: UInt64, length: UInt32, hwm: UInt64, held: Int, sealedLength: UInt64?,
        limits: Limits
    ) -> FrameVerdict {
        let end = offset + UInt64(length)
        guard end <= limits.maxLength else { return .refuse(.tokenTooShort) }
        if end <= hwm { return .duplicate }
        if let sealedLength, end > sealedLength { return .refuse(.sealed) }
        if offset == hwm { return .advance }
        if offset < hwm { return .refuse(.straddles) }
        guard held < limits.heldFrames, end - hwm <= limits.heldBytesBeyond else {
            return .refuse(.gapBeyondWindow)
        }
        return .hold
    }

    /// What a frame that would advance or be kept is beside one that waits for a gap. Frames that
    /// are kept never overlap: the same frame again is dropped, other bytes at its offset are a
    /// conflict, another cut straddles. `nil`: they do not touch.
    static func of(_ frame: FrameHeader, beside held: FrameHeader) -> FrameVerdict? {
        guard held.offset < frame.end, frame.offset < held.end else { return nil }
        guard held.offset == frame.offset, held.payloadLength == frame.payloadLength else {
            return .refuse(.straddles)
        }
        return held.pieces == frame.pieces ? .repeated : .refuse(.conflict)
    }
}

extension WriteStream {
    /// Where a whole data frame belongs.
    mutating func verdict(
        on buffer: BufferIndex, _ limits: FrameVerdict.Limits, _ buffers: inout Buffers
    ) -> FrameVerdict {
        let verdict = FrameVerdict.of(
            offset: buffers[buffer].header.offset, length: buffers[buffer].header.payloadLength,
            hwm: hwm, held: held.count, sealedLength: seal.isRequested ? seal.length : nil,
            limits: limits)
        guard verdict == .advance || verdict == .hold else { return verdict }
        for position in 0..<held.count {
            let other = FrameVerdict.of(
                buffers[buffer].header, beside: buffers[held[position]].header)
            if let other { return other }
        }
        return verdict
    }
}
