import Foundation
import Wire

extension Namenode {
    /// REGISTER: a datanode joins, or joins anew. The newest process under a node id wins.
    mutating func register(
        _ request: ControlRegister, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlRegisterReply {
        let id = try checkRegister(request, turn.caller)
        guard let incarnation = IncarnationID(bytes: request.incarnation) else {
            throw Refusal(.malformed, "an incarnation has 16 bytes")
        }
        let place = try location(of: request, node: id)
        let old = nodes[id]
        if old?.replaced.contains(incarnation) == true {
            throw Refusal(.incarnationReplaced, "another process registered as node \(id)")
        }
        try checkGeneration(request, of: incarnation, old, now: turn.now)
        guard old != nil || nodes.count < settings.bounds.nodes else {
            throw Refusal(.busy, "this namenode keeps at most \(settings.bounds.nodes) datanodes")
        }
        retire(id)
        var entry = NodeEntry(
            id: id, incarnation: incarnation, session: turn.take(.session), host: request.host,
            port: UInt16(clamping: request.port), location: place, devices: request.devices,
            software: String(request.software.prefix(Self.softwareCharacters)),
            lastContact: turn.now)
        entry.generation = max(request.generation, old?.generation ?? 0)
        if let kept = nodes[id] {
            entry.scrubs = kept.scrubs.carriedOver
            entry.replaced = kept.replaced
            entry.replacedSessions = kept.replacedSessions
            if kept.incarnation != incarnation {
                let most = settings.bounds.replacedIncarnations
                entry.replaced = (kept.replaced + [kept.incarnation]).suffix(most)
                entry.replacedSessions = (kept.replacedSessions + [kept.session]).suffix(most)
            }
        }
        compare(request, &turn)
        nodes[id] = entry
        suspicions.remove(id)
        chains.removeAll()
        census.invalidate()
        turn.note(
            Notice(
                .info, old == nil ? "datanode registered" : "datanode registered again",
                [
                    "node": "\(id)", "address": "\(entry.host):\(entry.port)",
                    "location": "\(place)", "session": "\(entry.session)",
                ]))
        return registerReply(entry, request.challenge, turn)
    }

    /// Two directories of one node cannot both be it: the one with the newer state stays. A copy
    /// that was taken while its original ran says the same generation, or when its disk was cloned
    /// the next one, and gives way to an original that is alive.
    private mutating func checkGeneration(
        _ request: ControlRegister, of incarnation: IncarnationID, _ old: NodeEntry?, now: Int64
    ) throws(Refusal) {
        let generation = request.generation
        guard generation > 0, let old, old.incarnation != incarnation else { return }
        guard generation >= old.generation else {
            throw Refusal(
                .staleCopy,
                "this is an older copy of node \(old.id)'s directory (generation \(generation), "
                    + "and \(old.generation) has registered): start the newer one, or an empty "
                    + "directory"
            )
        }
        guard liveness(of: old, now: now) != .dead else { return }
        guard generation > old.generation else { throw Self.copy(of: old) }
        // Where it listens, the other one cannot listen any more.
        if old.host == request.host, old.port == request.port { return }
        try waitForSilence(of: old, incarnation, now: now)
    }

    /// A process that was started anew, and one on a clone of the directory's disk, say the same: a
    /// generation above the last. The one before is gone in the first case, and its heartbeats go
    /// on in the second.
    private mutating func waitForSilence(
        of old: NodeEntry, _ incarnation: IncarnationID, now: Int64
    ) throws(Refusal) {
        let patience = Self.silentHeartbeats * settings.heartbeatMs
        if let rival = old.rival, rival.incarnation == incarnation {
            // What was on its way when the rival came is no sign of life.
            if old.lastContact - rival.since > settings.heartbeatMs / 2 { throw Self.copy(of: old) }
            if now - rival.since >= patience { return }
        } else {
            if now - old.lastContact >= patience { return }
            nodes[old.id]?.rival = (incarnation, now)
        }
        throw Refusal(
            .busy,
            "node \(old.id) was heard at \(old.host):\(old.port) a moment ago: its place is given "
                + "to this process when it is silent for \(patience) ms")
    }

    /// Heartbeats that a node misses before a process at another address is it.
    private static let silentHeartbeats: Int64 = 2

    private static func copy(of node: NodeEntry) -> Refusal {
        Refusal(
            .staleCopy,
            "this is a copy of node \(node.id)'s directory, and that node lives at "
                + "\(node.host):\(node.port): stop it first, or start an empty directory")
    }

    /// Characters of a software name that are kept for the log and the report.
    private static let softwareCharacters = 100

    private func registerReply(
        _ entry: NodeEntry, _ challenge: Data, _ turn: Turn<some NamespaceReader>
    ) -> ControlRegisterReply {
        var reply = ControlRegisterReply()
        reply.clusterID = Data(cluster.bytes)
        reply.session = entry.session
        reply.keys = signingKeys(for: entry.id, challenge, turn.caller, now: turn.now)
        reply.currentKey = keys.current.id.number
        reply.timing.heartbeatMs = UInt32(clamping: settings.heartbeatMs)
        reply.timing.staleMs = UInt32(clamping: settings.staleMs)
        reply.timing.deadMs = UInt32(clamping: settings.deadMs)
        return reply
    }

    private func checkRegister(
        _ request: ControlRegister, _ caller: Caller
    ) throws(Refusal) -> NodeID {
        guard let id = NodeID(bytes: request.nodeID), id != .none else {
            throw Refusal(.malformed, "a node id has 16 bytes and is not zero")
        }
        guard isProven(request, node: id, caller) else {
            throw Refusal(.badSecret, "the proof does not match this cluster's secret")
        }
        guard caller.role == .datanode else {
            throw Refusal(.malformed, "only a connection that said it is a datanode may register")
        }
        try check(challenge: request.challenge)
        guard Limits.hostBytes.contains(request.host.utf8.count),
            (1...65_535).contains(request.port)
        else { throw Refusal(.malformed, "a datanode has a host name and a port") }
        try check(request.devices)
        return id
    }

    func check(challenge: Data) throws(Refusal) {
        guard challenge.count == KeySeal.challengeBytes else {
            throw Refusal(.malformed, "a challenge has \(KeySeal.challengeBytes) bytes")
        }
    }

    func check(_ devices: [ControlDevice]) throws(Refusal) {
        guard devices.count <= settings.bounds.devicesPerNode else {
            throw Refusal(
                .malformed, "a node has at most \(settings.bounds.devicesPerNode) devices")
        }
        guard devices.allSatisfy({ DeviceID(bytes: $0.deviceID) != nil }) else {
            throw Refusal(.malformed, "a device id has 16 bytes")
        }
    }

    /// What the datanode says, else what the operator's map says, else the standard place.
    private func location(
        of request: ControlRegister, node: NodeID
    ) throws(Refusal) -> Location {
        if let said = request.devices.first(where: { !$0.location.isEmpty })?.location {
            guard let location = Location(said) else {
                throw Refusal(
                    .malformed, "a device's location is /az/pod/rack/node/device, not \"\(said)\"")
            }
            return location.node
        }
        let port = UInt16(clamping: request.port)
        return locations.location(of: node, host: request.host, port: port)
            ?? Location.standard(for: node)
    }
}
