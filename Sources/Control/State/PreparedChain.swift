import Wire

/// A chain as replies name it, worked out once for as long as its nodes' addresses stay.
struct PreparedChain: Sendable {
    /// Head first.
    let messages: [ControlNode]
    /// What tokens carry of it.
    let hash: [UInt8]
}

extension Namenode {
    /// Chains that are kept ready, in each of two generations.
    static let preparedChains = 4_096

    /// `nil` when none of the nodes has registered since the start, or they make no chain.
    mutating func prepared(_ ids: [NodeID]) -> PreparedChain? {
        if let chain = chains.find(ids) { return chain }
        guard let chain = Chain(ids.compactMap { nodes[$0]?.chainNode }) else { return nil }
        let made = PreparedChain(messages: ids.map { message(for: $0) }, hash: chain.hash)
        chains.keep(ids, made)
        return made
    }
}
