/// What a completion is about: the `kind` of every operation an engine starts. `owner` is the index
/// in brackets.
enum EngineOperation: UInt8 {
    // Sockets (connection)
    case makeSocket = 1
    case connect
    case receiveHeader
    case receiveAnswer
    case receivePayload
    case send
    case closeSocket
    // The caller's descriptors
    /// (write stream)
    case fill = 32
    /// (read stream)
    case drain
    /// (nobody)
    case peek
    // Connections to a namenode (control connection)
    case makeControlSocket = 64
    case connectControl
    case receiveControl
    case sendControl
    case closeControl
}
