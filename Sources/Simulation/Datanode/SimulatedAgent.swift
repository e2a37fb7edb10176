import ControlClient
import DataPath
import Foundation
import Reactor
import Wire

/// A datanode's agent: the real `Membership` decides, this carries its words over the simulated
/// network, one call at a time, as `Agent` does on its thread.
final class SimulatedAgent: ControlUser {
    private enum State {
        /// Until its next call.
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
    private(set) var membership: Membership
    private var state: State
    private var line: ControlLine?
    var isRegistered: Bool { line != nil && membership.isOpen }

    init(_ cluster: SimulatedCluster, _ datanode: SimulatedDatanode, _ outbox: Outbox) {
        self.cluster = cluster
        self.datanode = datanode
        self.outbox = outbox
        let random = cluster.world.random
        var generator = random
        membership = Membership(
            Membership.Member(
                node: datanode.identity.node, incarnation: IncarnationID(using: &generator),
                secret: cluster.secret, host: datanode.host, port: 7500, software: "simulation"),
            client: ClientID(using: &generator), seen: datanode.seen,
            now: Int64(cluster.world.time / 1_000_000),
            random: cluster.world.challenges(of: datanode.name))
        cluster.world.random = generator
        state = .resting(until: cluster.world.time)
    }

    private var now: UInt64 { cluster.world.time }
    private var milliseconds: Int64 { Int64(now / 1_000_000) }

    private func after(_ milliseconds: Int64) -> UInt64 { now + UInt64(milliseconds) * 1_000_000 }

    // MARK: Calls

    private func begin() {
        if line == nil {
            line = cluster.network.connect(self, caller: datanode.name, role: .datanode)
        }
        guard let line else {
            // A cut says nothing; a host without the process refuses at once.
            let wait = cluster.namenode.isAnswering ? membership.callMilliseconds : 0
            state = .connecting(until: after(wait))
            return
        }
        state = .calling(until: after(membership.callMilliseconds))
        let operation: ControlRequest.OneOf_Operation
        if membership.isOpen, let unanswered = membership.unanswered {
            operation = .heartbeat(membership.proven(unanswered, challenge: line.challenge))
        } else if membership.isOpen {
            let devices = devices()
            var heartbeat = membership.heartbeat(
                outbox.take(Membership.changesPerHeartbeat), devices: devices,
                openStreams: datanode.openStreams)
            if cluster.plant == .silentWitnesses { heartbeat.blocks.removeAll(where: isLater) }
            operation = .heartbeat(membership.proven(heartbeat, challenge: line.challenge))
            datanode.post(.room(datanode.rooms))
        } else {
            var register = membership.register(challenge: line.challenge, devices: devices())
            if cluster.plant == .silentWitnesses {
                register.seenIncarnation = 0
                register.seenCommit = 0
            }
            operation = .register(register)
        }
        cluster.network.send(membership.request(operation), on: line)
    }

    private func isLater(_ state: ControlBlockState) -> Bool {
        BlockID(state.block) >= cluster.namenode.nextBlock
    }

    private func devices() -> [ControlDevice] {
        zip(datanode.devices, datanode.rooms).map { device, room in
            var message = ControlDevice()
            message.deviceID = Data(device.id.bytes)
            message.capacityBytes = room.capacity
            message.freeBytes = room.usable
            message.usedBytes = room.capacity - min(room.capacity, room.usable)
            message.path = device.name
            return message
        }
    }

    func replied(_ reply: ControlReply, _ body: [UInt8], on line: ControlLine) {
        guard line === self.line, case .calling = state else { return }
        do throws(ControlFailure) {
            // The plant: whoever answers at the namenode's address is taken for it.
            let proof = cluster.plant == .believedImpostors ? nil : membership.proof
            if proof != nil || reply.code != .ok {
                try reply.check(body, proof: membership.proof)
            }
            switch reply.result {
            case .register(let message): try registered(message)
            case .heartbeat(let message): try answered(message)
            default: preconditionFailure("an agent asks two things")
            }
        } catch {
            failed(error)
        }
    }

    private func answered(_ message: ControlHeartbeatReply) throws(ControlFailure) {
        for mail in try membership.answered(message, now: milliseconds) { datanode.post(mail) }
        datanode.seen = membership.seen
        state = .resting(until: after(membership.restMilliseconds))
    }

    private func registered(_ message: ControlRegisterReply) throws(ControlFailure) {
        let mail = try membership.registered(message, now: milliseconds)
        let report = outbox.beginReport()
        for mail in mail { datanode.post(mail) }
        datanode.post(.reportAll(report))
        state = .resting(until: now)
    }

    func broke(_ line: ControlLine) {
        guard line === self.line else { return }
        self.line = nil
        guard case .calling = state else { return }
        failed(.unreachable(address: SimulatedNamenode.name, reason: "the connection ended"))
    }

    private func failed(_ failure: ControlFailure) {
        if let line { cluster.network.hangUp(line) }
        line = nil
        let wasOpen = membership.isOpen
        membership.failed(failure)
        if membership.finality(of: failure) != nil {
            cluster.note([4, UInt64(datanode.number)], "\(datanode.name): refused: \(failure)")
            state = .refused
            return
        }
        if membership.fencesNow(at: milliseconds) { datanode.post(.fenced(true)) }
        // The namenode answers and wants a registration: nothing is to be waited for.
        let pause = wasOpen && !membership.isOpen ? 0 : membership.pauseMilliseconds
        state = .resting(until: after(pause))
    }

    // MARK: Time

    func turn() -> Bool {
        switch state {
        case .resting(let until) where now >= until: begin()
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

    func die() {
        if let line { cluster.network.hangUp(line) }
        line = nil
    }

    var isRefused: Bool { if case .refused = state { true } else { false } }
}
