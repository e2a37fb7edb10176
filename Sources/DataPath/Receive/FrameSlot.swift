import Wire

/// What a payload buffer holds, beside its bytes: one record per buffer of the pool.
struct FrameSlot: BitwiseCopyable {
    var header = FrameHeader(.data)
    /// The stream (write or read) that the buffer counts for, or -1.
    var stream: Int32 = -1
    /// It is part of a read's answer.
    var isRead = false
    /// Bytes the device has taken or given, from the aligned start.
    var deviceDone = 0
    var isReady = false
    /// Device operations in a row that moved less than a page.
    var stalls = 0

    /// Bytes between the page in which the payload begins and its first byte.
    var shift: Int { Int(header.offset % 4096) }
    var isAligned: Bool { shift == 0 }
    /// Bytes the device moves for it: whole pages.
    var deviceBytes: Int { (shift + Int(header.payloadLength) + 4095) / 4096 * 4096 }
    /// Where they lie in the file.
    var deviceOffset: UInt64 { BlockLayout.payloadOffset + header.offset - UInt64(shift) }
}
