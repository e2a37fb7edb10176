/// The `kind` of the operations that an engine starts beside those of its connections, and of the
/// sends on them. `owner` is the index in brackets.
enum EngineOperation: UInt8 {
    // Sends (connection)
    /// A frame of the connection's own memory, or calls to a namenode.
    case sendControl = 16
    case sendData
    // The caller's descriptors
    /// (write stream)
    case fill = 32
    /// (read stream)
    case drain
    /// (nobody)
    case peek
}
