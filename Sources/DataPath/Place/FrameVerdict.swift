import Wire

/// Step 3 of the write path as a pure decision: what becomes of a data frame, by where it lies.
enum FrameVerdict: Equatable {
    /// Begins at the HWM: takes its place, and the HWM advances.
    case advance
    /// Lies beyond a gap, within the window: kept until the gap fills.
    case hold
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
}
