/// What a completion is about: the `kind` of every operation a datanode starts. `owner` is the
/// index in brackets.
enum OperationKind: UInt8 {
    // Sockets (connection)
    case accept = 1
    case receiveHeader
    case receivePayload
    case discard
    /// Acks, seals' answers and errors, to whoever writes or reads.
    case sendControl
    /// Parts of a read's answer.
    case sendFrame
    /// Bytes of such a part that wait in the connection's own memory.
    case sendPiece
    case makeSocket
    case connect
    case shutdown
    case closeSocket
    case disconnect
    /// `sendFrame` and `sendControl`, to the next node of a chain.
    case forwardFrame
    case forwardSeal
    /// The frame that opens a stream at the next node.
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
    // The scrub (device)
    case openForScrub = 128
    case scrubMetadata
    case scrubData
    case closeScrub
}
