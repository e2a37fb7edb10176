import Foundation
import Wire

extension Namenode {
    package func liveness(of node: NodeEntry, now: Int64) -> Liveness {
        if node.isDead { return .dead }
        return Liveness(
            silence: now - node.lastContact, staleMs: settings.staleMs, deadMs: settings.deadMs)
    }

    package mutating func liveNodes(now: Int64) -> Int {
        let live = census.live(among: nodes.values, staleMs: settings.staleMs, now: now)
        if live >= settings.neededNodes { census.wasComplete = true }
        return live
    }

    /// Refuses client traffic while fewer than K nodes are live.
    ///
    /// - Parameter forNewBytes: whether the request leads to new replicas. What only needs the
    ///   namespace or replicas that exist is refused until K nodes were live at one time since the
    ///   start; after that a cluster that lost a node still serves what it has.
    mutating func requireNodes(
        forNewBytes: Bool, in store: some NamespaceReader, now: Int64
    ) throws(Refusal) {
        let live = liveNodes(now: now)
        if live >= settings.neededNodes || (!forNewBytes && census.wasComplete) { return }
        throw .tooFewNodes(
            live: live, needed: settings.neededNodes, unheard: unheard(in: store, now: now))
    }

    /// Names of the nodes that the namespace knows and that are not live: by address when they have
    /// registered since the start, by id when not.
    func unheard(in store: some NamespaceReader, now: Int64) -> [String] {
        let silent = nodes.values.filter { liveness(of: $0, now: now) != .live }
            .map { "\($0.host):\($0.port)" }.sorted()
        let strange = unregistered(in: store).map { "node \($0)" }.sorted()
        return silent + strange
    }

    /// Nodes that the namespace knows may register for one dead time after the start. Until then
    /// nobody says that they are dead, or that their blocks are missing.
    func isAwaiting(now: Int64) -> Bool { now < awaitedUntil }

    /// Nodes that the namespace knows and that have not registered since the start.
    func unregistered(in store: some NamespaceReader) -> [NodeID] {
        store.nodeIDs.filter { nodes[$0] == nil }
    }

    /// How many nodes are awaited, how many have yet to name all they hold, those included, and how
    /// many are dead.
    func silentNodes(
        in store: some NamespaceReader, now: Int64
    ) -> (awaited: Int, incomplete: Int, dead: Int) {
        let absent = unregistered(in: store).count
        let awaited = isAwaiting(now: now) ? absent : 0
        let dead = nodes.values.count { liveness(of: $0, now: now) == .dead }
        let reporting = nodes.values.count {
            !$0.reportComplete && liveness(of: $0, now: now) != .dead
        }
        return (awaited, awaited + reporting, dead + absent - awaited)
    }

    /// Writes down what is known of a copy.
    mutating func hold(_ record: BlockInfo, _ holder: ReplicaMap.Holder) {
        guard nodes[holder.node] != nil else { return }
        let wanted = record.state == .sealed ? record.chain.count : 0
        replicas.put(holder, of: record.block, wanted: wanted)
    }

    mutating func lose(_ block: BlockID, on node: NodeID) {
        replicas.remove(node, from: block)
    }

    /// A node for the wire; one that has not registered since the start is known by its id alone.
    func message(for node: NodeID) -> ControlNode {
        if let entry = nodes[node] { return entry.message }
        var message = ControlNode()
        message.nodeID = .init(node.bytes)
        return message
    }

    /// A token for a chain of this hash, and the moment it was signed at.
    func token(
        _ modes: Token.Modes, block: BlockInfo, lease: LeaseID, chain: [UInt8],
        maxLength: UInt64,
        now: Int64
    ) -> (token: Data, streamKey: Data) {
        let key = keys.current
        let token = Token(
            modes: modes, issued: UInt32(clamping: now - key.made), key: key.id, cluster: cluster,
            block: block.block, epoch: block.epoch, lease: lease, chainHash: chain,
            maxLength: maxLength, duration: UInt32(clamping: settings.effectiveTokenMs),
            incarnation: block.incarnation)
        let signed = token.signed(with: key)
        return (Data(signed), Data(key.streamKeyBytes(of: signed)))
    }

    /// What an answer to a datanode is proven with, a refusal too. `nil` for who has not shown that
    /// it knows the cluster's secret: nobody else gets one made for a challenge of its choice.
    func answerProof(
        to operation: ControlRequest.OneOf_Operation?, from caller: Caller
    ) -> AnswerProof? {
        let node: NodeID?
        let challenge: Data
        switch operation {
        case .register(let request):
            node = NodeID(bytes: request.nodeID).flatMap {
                isProven(request, node: $0, caller) ? $0 : nil
            }
            challenge = request.challenge
        case .heartbeat(let request):
            node = NodeID(bytes: request.nodeID).flatMap {
                isProven(request, node: $0, caller) ? $0 : nil
            }
            challenge = request.challenge
        default: return nil
        }
        guard let node, challenge.count == KeySeal.challengeBytes else { return nil }
        return AnswerProof(
            secret: secret, node: node, namenode: caller.challenge, datanode: Array(challenge))
    }

    func isProven(_ request: ControlRegister, node: NodeID, _ caller: Caller) -> Bool {
        let covered = MembershipProof.register(
            challenge: caller.challenge, node: node, incarnation: Array(request.incarnation))
        return MembershipProof.isValid(request.proof, covered, secret: secret)
    }

    func isProven(_ request: ControlHeartbeat, node: NodeID, _ caller: Caller) -> Bool {
        let covered = MembershipProof.heartbeat(
            challenge: caller.challenge, node: node, session: request.session)
        return MembershipProof.isValid(request.proof, covered, secret: secret)
    }

    /// - Parameter node: who asks, on `caller`'s connection, with a challenge of its own: nobody
    ///   else can read the answer.
    func signingKeys(
        for node: NodeID, _ challenge: Data, _ caller: Caller, now: Int64
    ) -> [ControlSigningKey] {
        let seal = KeySeal(
            secret: secret, node: node, namenode: caller.challenge, datanode: Array(challenge))
        return keys.ring.keys.map { key in
            var message = ControlSigningKey()
            message.keyID = key.id.number
            message.sealed = Data(seal.close(key.secret, id: key.id))
            message.ageMs = UInt64(clamping: now - key.made)
            return message
        }
    }
}

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
