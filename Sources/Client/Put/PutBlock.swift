import Wire

/// One block of a put between its first byte and its receipt.
struct PutBlock {
    /// Its place among the value's blocks.
    let order: Int
    /// Of its first byte, in what is put.
    let start: UInt64
    /// Its bytes, when the source's length is known.
    let length: UInt64?
    var plan: BlockPlan
    var write: WriteID
    var retry: WriteRetry
    /// Every byte of it was taken from the source.
    var isFilled = false
    /// Bytes that its whole chain has written.
    var written: UInt64 = 0
}
