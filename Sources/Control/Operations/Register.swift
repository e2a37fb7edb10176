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
        try checkGeneration(request.generation, of: incarnation, old, now: turn.now)
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
    /// that was taken while its original ran says the same generation, and gives way to it.
    private func checkGeneration(
        _ generation: UInt64, of incarnation: IncarnationID, _ old: NodeEntry?, now: Int64
    ) throws(Refusal) {
        guard generation > 0, let old, old.incarnation != incarnation else { return }
        guard generation >= old.generation else {
            throw Refusal(
                .staleCopy,
                "this is an older copy of node \(old.id)'s directory (generation \(generation), "
                    + "and \(old.generation) has registered): start the newer one, or an empty "
                    + "directory"
            )
        }
        guard generation > old.generation || liveness(of: old, now: now) == .dead else {
            throw Refusal(
                .staleCopy,
                "this is a copy of node \(old.id)'s directory, and that node lives at "
                    + "\(old.host):\(old.port): stop it first, or start an empty directory")
        }
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
