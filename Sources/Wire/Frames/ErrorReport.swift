/// The payload of an `error` frame: who says it, and a sentence. The status is in the header.
///
/// Layout: 16 bytes of the node that found the fault, then UTF-8 to the end of the payload (at most
/// 400 bytes).
public struct ErrorReport: Equatable, Sendable {
    public static let textBytes = 400

    public let node: NodeID
    public let text: String

    public init(node: NodeID, text: String) {
        self.node = node
        self.text = text
    }

    public func encoded() -> [UInt8] {
        var cut = text
        while cut.utf8.count > Self.textBytes { cut.removeLast() }
        return node.bytes + Array(cut.utf8)
    }

    /// `nil` when the payload is shorter than a node id; invalid UTF-8 is repaired, for it is only
    /// shown.
    public init?(decoding bytes: some Collection<UInt8>) {
        guard let node = NodeID(bytes: bytes.prefix(16)) else { return nil }
        self.init(node: node, text: String(decoding: bytes.dropFirst(16), as: UTF8.self))
    }
}
