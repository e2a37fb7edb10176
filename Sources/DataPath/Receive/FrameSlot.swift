import Wire

/// What a payload buffer holds, beside its bytes: one record per buffer of the pool.
struct FrameSlot: BitwiseCopyable {
    var header = FrameHeader(.data)
    /// The write stream in whose window the buffer counts; a read has `isRead` instead.
    var stream: StreamIndex?
    /// It is part of a read's answer.
    var isRead = false
    /// Its read gave it back while the device was filling it.
    var isDropped = false
    /// Its pages' way to the device or from it.
    var transfer = PageTransfer(offset: 0, count: 0)
    var isReady = false

    /// Bytes between the page in which the payload begins and its first byte.
    var shift: Int { Int(header.offset % 4096) }
    var isAligned: Bool { shift == 0 }
    /// Its pages, of which the device takes every byte.
    var pagesToWrite: PageTransfer {
        PageTransfer(offset: deviceOffset, count: (deviceBytes + 4095) / 4096 * 4096)
    }
    /// The same pages, of which the device may give no more than the frame's own bytes.
    var pagesToRead: PageTransfer {
        PageTransfer(
            offset: deviceOffset, count: (deviceBytes + 4095) / 4096 * 4096, needed: deviceBytes)
    }
    private var deviceBytes: Int { shift + Int(header.payloadLength) }
    private var deviceOffset: UInt64 { BlockLayout.payloadOffset + header.offset - UInt64(shift) }
}
