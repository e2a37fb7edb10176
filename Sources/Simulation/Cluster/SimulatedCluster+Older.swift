import Control
import DataPath
import Wire

// A namenode that runs for a while on a copy of its namespace that is not the newest.
extension SimulatedCluster {
    private static let strayPuts = 8
    /// Every node has a heartbeat in it, however slow its messages are: of a copy that is younger
    /// than the last heartbeats nobody can say that it is not the newest.
    private static let hearing: UInt64 = 3_000_000_000
    /// Longer than the leases of what was being written, the tokens, and a node's death together.
    private static let span: UInt64 = 45_000_000_000

    /// In peace: the copy that was made in this cycle is started, writes are tried, nodes are
    /// started anew; then the newest namespace comes back and has all it had.
    func serveOlder() {
        guard let copy = chaos.copy, !oracle.isBroken else { return }
        chaos.copy = nil
        // Nodes hear of commits with their heartbeats.
        _ = drive(for: Self.hearing) { false }
        let held = heldBlocks()
        namenode.end(power: false)
        let newest = namenode.copy()
        note([60, copy.commits, newest.commits], "an older namespace is started")
        servesOlder = true
        namenode.start(on: copy)
        for node in datanodes where world.random.below(2) == 0 {
            node.end(power: false)
            node.start()
        }
        for number in 0..<Self.strayPuts {
            let key = "older/\(cycle)/\(number)"
            ledger.add(key)
            clients[0].orders.append(PutJob(self, clients[0], key: key))
        }
        _ = drive(for: Self.span) { false }
        settle()
        namenode.end(power: false)
        note([61], "the newest namespace is back")
        servesOlder = false
        namenode.start(on: newest)
        settle()
        for (node, block) in held { oracle.kept(block, on: node) }
        // It is the older one in turn, of what was written meanwhile: the operator accepts that.
        namenode.end(power: false)
        namenode.accept()
        namenode.start()
        settle()
    }

    /// Copies of what the namespace has in its keys.
    private func heldBlocks() -> [(SimulatedDatanode, BlockID)] {
        allKeys.compactMap { ledger.known($0) }.flatMap(\.blocks).flatMap { block in
            block.chain.compactMap { id in
                guard let node = datanode(id), !node.isVictim,
                    node.reported(block.block)?.state == .sealed,
                    let record = namenode.record(of: block.block), record.state == .sealed
                else { return nil }
                return (node, block.block)
            }
        }
    }
}
