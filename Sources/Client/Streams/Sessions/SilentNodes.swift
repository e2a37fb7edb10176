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

    /// To be called where no stream waits behind it.
    mutating func tell(_ namespace: NamespaceClient) {
        for node in untold {
            do throws(ClientError) {
                try namespace.reportSilent(node)
            } catch {
                // Nothing rests on it: the namenode misses a node's heartbeats by itself.
                break
            }
        }
        untold = []
    }
}
