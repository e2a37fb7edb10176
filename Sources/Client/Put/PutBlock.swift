import Wire

/// One block of a put between its first byte and its receipt.
///
/// ```
/// starting(write) ─▶ running ─▶ sealed
///
/// running ─ resume ───▶ pausing(resume) ─▶ starting(resume) ─▶ running
/// running ─ newBlock ─▶ pausing(plan) ─▶ unplanned ─▶ starting(move or write) ─▶ running
///
/// starting(step) ─ no room ─▶ pausing(step) ─▶ starting(step)
/// ```
/// A stream that runs can fail; `WriteRetry` then says `resume` or `newBlock`, or the put fails.
/// `newBlock` needs another chain first (`plan`). When that comes, bytes that are all in memory
/// `move` there; others are read again from the source, by a new `write`.
package struct PutBlock {
    /// What is done with it next.
    enum Step {
        /// A new stream, from the block's first byte.
        case write
        /// A new stream to the same chain.
        case resume
        /// The same bytes, from memory, to another chain.
        case move
        /// Another chain is asked for.
        case plan
    }

    enum Stage {
        /// Its shell begins, resumes or moves it.
        case starting(Step)
        case running
        case pausing(until: UInt64, Step)
        /// It waits for the answer to its ADDBLOCK, or for its turn to ask.
        case unplanned
    }

    /// Its place among the value's blocks.
    package let order: Int
    /// Of its first byte, in what is put.
    package let start: UInt64
    /// Its bytes, when the source's length is known.
    package let length: UInt64?
    /// Its first bytes, which were taken from the source before it had a plan: how many.
    let peeked: Int
    package internal(set) var plan: BlockPlan
    package internal(set) var write: WriteID?
    var stage = Stage.starting(.write)
    var retry = WriteRetry()
    /// Every byte of it was taken from the source.
    var isFilled = false
    /// Bytes that its whole chain has written.
    var written: UInt64 = 0
    /// Times in a row that there was no room to begin it.
    var roomPauses = 0
}
