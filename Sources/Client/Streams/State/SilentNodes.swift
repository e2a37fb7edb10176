import Wire

/// Nodes that did not answer one client, and of which the namenode has yet to hear, so that the
/// next command does not wait for them too.
struct SilentNodes {
    /// More are not remembered: then it is this client that hears nobody.
    private static let most = 8

    private(set) var nodes: Set<NodeID> = []
    private var untold: [NodeID] = []

    mutating func add(_ node: NodeID) {
        guard nodes.count < Self.most, nodes.insert(node).inserted else { return }
        untold.append(node)
    }

    /// Those to tell of now, each once; to be asked where no stream waits behind it.
    mutating func takeUntold() -> [NodeID] {
        defer { untold = [] }
        return untold
    }
}
