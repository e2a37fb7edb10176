/// What a completion is about: the `kind` of every operation a datanode starts beside those of its
/// connections, and of the sends on them. `owner` is the index in brackets.
enum OperationKind: UInt8 {
    // Sends (connection)
    /// Acks, seals' answers and errors, to whoever writes or reads.
    case sendAnswer = 16
    /// Parts of a read's answer.
    case sendFrame
    /// Bytes of such a part that wait in the connection's own memory.
    case sendPiece
    /// A data frame, to a successor.
    case forwardFrame
    /// A seal or a flush, to a successor.
    case forwardRequest
    /// The frame that opens a stream at a successor.
    case forwardCredentials
    // Block files of write streams (stream)
    case openFile = 32
    case loadHeader
    case loadTable
    case writeOpenHeader
    case writeData
    case readBack
    case writeTable
    case writeSealHeader
    case syncFile
    /// The owner is the device.
    case syncDirectory
    case closeFile
    /// A spare file becomes the block's.
    case renameSpare
    case trimFile
    case writeFlushTable
    case writeFlushHeader
    // Block files of read streams (reader)
    case openForRead = 64
    case readHeader
    case readTable
    case readData
    case closeReader
    // Nobody waits for these (block in `argument`)
    case unlinkFile = 96
    case recycleFile
    /// A spare file, whose number is in `argument`, is given up.
    case unlinkSpare
    // The listener (nobody)
    case accept = 112
    // The scrub (device)
    case openForScrub = 128
    case scrubMetadata
    case scrubData
    case closeScrub
}
