import Wire

/// What a payload slot holds, beside its bytes.
struct SlotRecord: BitwiseCopyable {
    var header = FrameHeader(.data)
    /// The write whose frame it is, or -1.
    var write: WriteIndex = -1
    /// Bytes that were filled, or drained.
    var done = 0
    /// Bytes wanted.
    var wanted = 0
    /// Of the bytes to drain, in the payload.
    var start = 0
    /// Where they go in the sink, or come from in the source.
    var position: UInt64 = 0
}
