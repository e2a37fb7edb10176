import ControlClient
import DataPath
import Foundation
import Logging
import Reactor
import Wire

/// A datanode's agent: the real `AgentLoop` decides, this carries its words over the simulated
/// network, one call at a time, as `Agent` does on its thread.
final class SimulatedAgent: ControlUser {
    private enum State {
        /// Until its next step.
        case resting(until: UInt64)
        /// A connect that nobody answers.
        case connecting(until: UInt64)
        case calling(until: UInt64)
        /// The namenode will not have this process.
        case refused
    }

    private unowned let cluster: SimulatedCluster
    private unowned let datanode: SimulatedDatanode
    private let outbox: Outbox
    private var loop: AgentLoop
    private let marks: MarkKeeper<SimulatedFolder>
    private let scrubs: ScrubKeeper<SimulatedFolder>
    /// What the directories keep of the registration.
    private var records: DirectoryRecords<SimulatedFolder>
    private var state: State
    private var line: ControlLine?

    init(
        _ cluster: SimulatedCluster, _ datanode: SimulatedDatanode, _ outbox: Outbox,
        scrubbed: [ScrubFile]
    ) {
        self.cluster = cluster
        self.datanode = datanode
        self.outbox = outbox
        let log = Logger(label: "simulation") { _ in SwiftLogNoOpLogHandler() }
        marks = MarkKeeper(datanode.devices.map(\.records), log)
        scrubs = ScrubKeeper(datanode.devices, scrubbed, log)
        records = datanode.records()
        let random = cluster.world.random
        var generator = random
        let membership = Membership(
            Membership.Member(
                node: datanode.identity.node, incarnation: IncarnationID(using: &generator),
                secret: cluster.secret, host: datanode.host, port: 7500, software: "simulation"),
            client: ClientID(using: &generator), seen: marks.newest,
            now: Int64(cluster.world.time / 1_000_000),
            random: cluster.world.challenges(of: datanode.name))
        loop = AgentLoop(membership, outbox)
        cluster.world.random = generator
        state = .resting(until: cluster.world.time)
    }

    var membership: Membership { loop.membership }
    var isRegistered: Bool { loop.isInContact }
    var isRefused: Bool { if case .refused = state { true } else { false } }

    private var now: UInt64 { cluster.world.time }

    private func after(_ milliseconds: Int64) -> UInt64 { now + UInt64(milliseconds) * 1_000_000 }

    // MARK: What the loop wants

    private func step(_ event: AgentLoop.Event) {
        let step = loop.step(event, now: Int64(now / 1_000_000), node: datanode)
        for action in step.actions {
            switch action {
            case .post(let mail), .deliver(let mail): datanode.post(mail)
            case .keep(let mark): marks.keep(mark)
            case .bind: bind()
            case .tell: break
            }
        }
        scrubs.keep(outbox, now: Int64(now / 1_000_000))
        switch step.wait {
        case .rest(let milliseconds): state = .resting(until: after(milliseconds))
        case .connect(let milliseconds): connect(milliseconds)
        case .call(let request, let milliseconds):
            guard let line else {
                // It broke while the node rested, which a caller hears from its next call.
                return failed(Self.ended)
            }
            state = .calling(until: after(milliseconds))
            cluster.network.send(planted(request), on: line)
        case .end(let reason):
            hangUp()
            cluster.note([4, UInt64(datanode.number)], "\(datanode.name): refused: \(reason)")
            state = .refused
        }
    }

    private func bind() {
        do throws(StartFailure) { try records.accepted(by: cluster.id) } catch {
            preconditionFailure("the disk of the records takes them: \(error)")
        }
    }

    func beginGeneration() -> UInt64 {
        let failure = records.begin()
        precondition(failure == nil, "the disk of the records takes them")
        return records.generation
    }

    private func connect(_ milliseconds: Int64) {
        hangUp()
        line = cluster.network.connect(self, caller: datanode.name, role: .datanode)
        guard let line else {
            // A cut says nothing; a host without the process refuses at once.
            state = .connecting(until: after(cluster.namenode.isAnswering ? milliseconds : 0))
            return
        }
        step(.connected(challenge: line.challenge))
    }

    /// With a bug planted, what this node has heard of the namespace is kept from the namenode.
    private func planted(_ request: ControlRequest) -> ControlRequest {
        guard cluster.plant == .silentWitnesses else { return request }
        var silent = request
        switch request.operation {
        case .register:
            silent.register.seenIncarnation = 0
            silent.register.seenCommit = 0
        case .heartbeat:
            silent.heartbeat.blocks.removeAll {
                BlockID($0.block) >= cluster.namenode.nextBlock
            }
        default: break
        }
        return silent
    }

    private func hangUp() {
        if let line { cluster.network.hangUp(line) }
        line = nil
    }

    // MARK: What it hears

    private static let ended = ControlFailure.unreachable(
        address: SimulatedNamenode.name, reason: "the connection ended")

    func replied(_ reply: ControlReply, _ body: [UInt8], on line: ControlLine) {
        guard line === self.line, case .calling = state else { return }
        do throws(ControlFailure) {
            // The plant: whoever answers at the namenode's address is taken for it.
            if cluster.plant != .believedImpostors || reply.code != .ok {
                try reply.check(body, proof: loop.membership.proof)
            }
            step(.answered(reply))
        } catch {
            failed(error)
        }
    }

    func broke(_ line: ControlLine) {
        guard line === self.line else { return }
        self.line = nil
        guard case .calling = state else { return }
        failed(Self.ended)
    }

    private func failed(_ failure: ControlFailure) {
        hangUp()
        step(.failed(failure))
    }

    // MARK: Time

    func turn() -> Bool {
        switch state {
        case .resting(let until) where now >= until: step(.rested)
        case .connecting(let until) where now >= until, .calling(let until) where now >= until:
            failed(.timedOut(address: SimulatedNamenode.name, milliseconds: 0))
        default: return false
        }
        return true
    }

    var nextDeadline: UInt64? {
        switch state {
        case .resting(let until), .connecting(let until), .calling(let until): until
        case .refused: nil
        }
    }

    func die() { hangUp() }
}

extension SimulatedDatanode: AgentNode {
    func deviceReports() -> [DeviceReport] {
        zip(devices, rooms).map { DeviceReport(id: $0.id, path: $0.blocks.path, room: $1) }
    }

    func beginGeneration() -> UInt64 { agent?.beginGeneration() ?? 0 }
}
