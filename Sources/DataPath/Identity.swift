import Wire

/// Who a datanode is, and in which cluster.
public struct Identity: Sendable, Equatable {
    public let cluster: ClusterID
    public let node: NodeID

    public init(cluster: ClusterID, node: NodeID) {
        self.cluster = cluster
        self.node = node
    }
}
