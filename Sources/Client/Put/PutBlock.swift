import Wire

/// One block of a put between its first byte and its receipt.
package struct PutBlock {
    /// What is done with it next.
    enum Step {
        case write, resume, move
        /// Another chain is asked for.
        case plan
    }

    enum Stage {
        /// Its shell begins, resumes or moves it.
        case starting(Step)
        case running
        case pausing(until: UInt64, Step)
        /// It waits for another chain.
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
