import Foundation
import Wire

// Whether this namespace is the newest there was: a namenode may have been started on an older copy
// of its directory, and datanodes are the ones who can tell.
extension Namenode {
    /// Numbers beyond it are of no namespace.
    private static let mostBlocks = BlockID(1 << 62)

    /// Refuses new blocks until K nodes have named all they hold: until then nobody knows which
    /// numbers are taken.
    mutating func requireReports(now: Int64) throws(Refusal) {
        guard !hasReports(now: now) else { return }
        throw Refusal(
            .busy,
            "the namenode has just started: \(reportedNodes(now: now)) of the "
                + "\(settings.neededNodes) datanodes that it needs have named all their blocks. "
                + "Try again")
    }

    /// Nothing is deleted before K nodes have named all they hold, nor by a namespace that is older
    /// than its datanodes: what it does not know may be somebody's only copy.
    mutating func mayDelete(now: Int64) -> Bool {
        history.behind == nil && hasReports(now: now)
    }

    private mutating func hasReports(now: Int64) -> Bool {
        if !census.wasReported {
            census.wasReported = reportedNodes(now: now) >= settings.neededNodes
        }
        return census.wasReported
    }

    func reportedNodes(now: Int64) -> Int {
        nodes.values.count { $0.reportComplete && liveness(of: $0, now: now) == .live }
    }

    /// A node that registers says what it has heard of the namespace before.
    mutating func compare(
        _ request: ControlRegister, _ turn: inout Turn<some NamespaceReader>
    ) {
        let seen = NamespaceMark(
            incarnation: NamespaceIncarnation(request.seenIncarnation), commit: request.seenCommit)
        guard !history.includes(seen, commits: turn.store.commits),
            let id = NodeID(bytes: request.nodeID)
        else { return }
        let next = BlockID(turn.store.counter(.block))
        note(
            NamespaceHistory.Behind(
                node: id, seen: seen, ownCommit: turn.store.commits, block: BlockID(0),
                ownBlock: next), &turn)
    }

    /// After a report: a number that a datanode holds is not given again.
    mutating func leaveBehind(_ id: NodeID, _ turn: inout Turn<some NamespaceReader>) {
        guard let block = turn.beyond else { return }
        let next = BlockID(turn.store.counter(.block))
        turn.mutations.append(.setCounter(.block, block.number + 1))
        note(
            NamespaceHistory.Behind(
                node: id, seen: .none, ownCommit: turn.store.commits, block: block, ownBlock: next),
            &turn)
    }

    /// A block that the namespace does not know. Of a file that says nothing of itself the name is
    /// no proof.
    func noteBeyond(_ report: ControlBlockState, _ turn: inout Turn<some NamespaceReader>) {
        let block = BlockID(report.block)
        guard report.epoch > 0, block.number >= turn.store.counter(.block),
            block < Self.mostBlocks
        else { return }
        turn.beyond = max(block, turn.beyond ?? block)
    }

    /// What is known of the block that says it, or of the first commit that did, is kept.
    private mutating func note(
        _ behind: NamespaceHistory.Behind, _ turn: inout Turn<some NamespaceReader>
    ) {
        turn.note(
            Notice(
                .error, behind.description,
                [
                    "advice": "deleting nothing: start the newest namespace, or stop this one, "
                        + "'catena-namenode accept' it when it is the newest, and start it again"
                ]))
        if let known = history.behind, known.block >= behind.block { return }
        history.behind = behind
        turn.mutations.append(.setHistory(history))
    }

    /// For the operator, until a restore or an `accept`.
    var behindMessage: ControlNamespaceBehind? {
        history.behind.map { behind in
            var message = ControlNamespaceBehind()
            message.nodeID = Data(behind.node.bytes)
            message.incarnation = behind.seen.incarnation.number
            message.commit = behind.seen.commit
            message.ownCommit = behind.ownCommit
            message.block = behind.block.number
            message.ownBlock = behind.ownBlock.number
            return message
        }
    }
}
