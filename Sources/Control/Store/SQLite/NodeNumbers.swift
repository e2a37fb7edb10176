import Wire

/// Short numbers for node ids: a chain in a row is a byte or two for each node instead of sixteen.
/// A number is given once and never taken back; 0 is nobody's.
struct NodeNumbers: Sendable {
    private var numbers: [NodeID: UInt64] = [:]
    private(set) var nodes: [NodeID] = []

    subscript(node: NodeID) -> UInt64? { numbers[node] }

    func node(_ number: UInt64) -> NodeID? {
        number >= 1 && number <= UInt64(nodes.count) ? nodes[Int(number) - 1] : nil
    }

    var next: UInt64 { UInt64(nodes.count) + 1 }

    /// Numbers are given in order.
    mutating func add(_ node: NodeID, number: UInt64) {
        precondition(number == next && numbers[node] == nil, "a node is numbered once, in order")
        nodes.append(node)
        numbers[node] = number
    }
}
