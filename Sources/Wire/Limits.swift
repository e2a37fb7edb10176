/// Bounds that both sides of a connection hold each other to. A number that only one side needs is
/// not here.
public enum Limits {
    /// Bytes one CRC covers, counted from the start of the block.
    public static let chunkBytes = 64 << 10
    /// Chunks (or parts of chunks) in one data frame: as many CRCs as its header has room for.
    public static let piecesPerFrame = 16
    /// The most payload in one data frame: sixteen whole chunks.
    public static let payloadBytes = piecesPerFrame * chunkBytes
    /// The most payload in a frame that carries credentials, a receipt or an error. Credentials of
    /// five nodes with the longest names take 1,499 bytes.
    public static let controlPayloadBytes = 1536
    /// The shortest and the longest block a namenode may plan.
    public static let blockBytes = (64 << 10)...(1 << 30)
    public static let defaultBlockBytes = 128 << 20
    /// Nodes in one chain.
    public static let chainNodes = 1...5
    /// Bytes of a key in UTF-8.
    public static let keyBytes = 1...1024
    /// The longest control message, either way.
    public static let controlMessageBytes = 1 << 20
    /// Bytes of a host name in a chain.
    public static let hostBytes = 1...255
}
