import ControlClient
import Foundation
import Metrics
import Wire

/// The whole of an agent's conversation with its namenode as a state machine: what it hears goes
/// in, what is to be done comes out. A thread with a socket drives it in a datanode, the simulated
/// network in a simulation.
///
/// A connection that breaks costs nothing but a new one: the session goes on with the HEARTBEAT
/// that had no answer, under its sequence, so that what was reported stays reported. Only a
/// namenode that does not know the session any more is told everything anew.
package struct AgentLoop {
    /// What the loop waited for has come.
    package enum Event {
        case rested
        /// The connection is there; its greeting had this challenge.
        case connected(challenge: [UInt8])
        /// An answer with code `ok`, which `proof` proves.
        case answered(ControlReply)
        case failed(ControlFailure)
    }

    /// What it waits for next.
    package enum Wait {
        /// `rested` after so many milliseconds.
        case rest(Int64)
        /// A new connection, within so many milliseconds; the old one is given up.
        case connect(within: Int64)
        case call(ControlRequest, within: Int64)
        /// Nothing more: the namenode will not have this node, and says why.
        case end(String)
    }

    /// What is done before it waits.
    package enum Action {
        /// For the reactors. A mailbox that is full loses nothing but time: the next heartbeat
        /// repeats what matters.
        case post(Mail)
        /// For the reactors, and not to be lost.
        case deliver(Mail)
        /// The cluster has taken the node in: its directories are that cluster's.
        case bind
        /// The state of the namespace that the node has heard of last.
        case keep(NamespaceMark)
        case tell(Notice)
    }

    /// For the log.
    package enum Notice: Equatable {
        /// Once, when the namenode has taken this node in: one that is refused never served.
        case serving
        case registered(session: UInt64)
        case resumed(session: UInt64)
        case noContact(String)
        case fenced(silence: Int64)
        case unfenced
        /// A kind of command that this datanode does not know.
        case unknownCommand(Int)
    }

    package struct Step {
        package var actions: [Action] = []
        package var wait: Wait
    }

    private enum Stage {
        case apart
        case connecting
        case registering
        case resuming
        case beating
    }

    private static let mostKindsTold = 16

    private let outbox: Outbox
    package private(set) var membership: Membership
    private var stage = Stage.apart
    /// Of the greeting of the connection that is open.
    private var challenge: [UInt8] = []
    private var wasRegistered = false
    private var lastFailure = ""
    /// Kinds of command of which the log has heard that they are not known here: each once, and few
    /// of them, for whoever speaks nonsense may invent as many as it likes.
    private var kindsTold: Set<Int> = []

    package init(_ membership: Membership, _ outbox: Outbox) {
        self.membership = membership
        self.outbox = outbox
    }

    /// The namenode knows this node over the connection that is open.
    package var isInContact: Bool {
        switch stage {
        case .beating: membership.isOpen
        case .apart, .connecting, .registering, .resuming: false
        }
    }

    /// - Parameters:
    ///   - now: monotonic milliseconds.
    ///   - node: asked when a message is made.
    package mutating func step(_ event: Event, now: Int64, node: some AgentNode) -> Step {
        switch event {
        case .rested:
            return stage == .beating ? heartbeat(node) : connect()
        case .connected(let challenge):
            self.challenge = challenge
            return membership.isOpen ? resume(node) : register(node)
        case .answered(let reply):
            do throws(ControlFailure) {
                return try answered(reply, now: now, node)
            } catch {
                return failed(error, now: now)
            }
        case .failed(let failure):
            return failed(failure, now: now)
        }
    }

    // MARK: What it says

    private mutating func connect() -> Step {
        stage = .connecting
        return Step(wait: .connect(within: membership.callMilliseconds))
    }

    private mutating func register(_ node: some AgentNode) -> Step {
        stage = .registering
        let generation = node.beginGeneration()
        let devices = node.deviceReports().messages(outbox, membership.location)
        return call(
            .register(
                membership.register(
                    challenge: challenge, devices: devices, generation: generation)))
    }

    /// Goes on with a session over a new connection: first with what had no answer.
    private mutating func resume(_ node: some AgentNode) -> Step {
        stage = .resuming
        guard let unanswered = membership.unanswered else { return heartbeat(node) }
        return call(.heartbeat(membership.proven(unanswered, challenge: challenge)))
    }

    private mutating func heartbeat(_ node: some AgentNode) -> Step {
        let devices = node.deviceReports()
        let messages = devices.messages(outbox, membership.location)
        let counters = outbox.counters
        let heartbeat = membership.heartbeat(
            outbox.take(Membership.changesPerHeartbeat), devices: messages,
            openStreams: counters.writeStreamsOpen,
            scrubs: devices.indices.compactMap { place in
                outbox.scrub(of: place)?.message(of: devices[place].id)
            }, metrics: DatanodeCounters.metrics.samples(of: counters))
        var step = call(.heartbeat(membership.proven(heartbeat, challenge: challenge)))
        step.actions.append(.post(.room(devices.map(\.room))))
        return step
    }

    private mutating func call(_ operation: ControlRequest.OneOf_Operation) -> Step {
        Step(wait: .call(membership.request(operation), within: membership.callMilliseconds))
    }

    // MARK: What it hears

    private mutating func answered(
        _ reply: ControlReply, now: Int64, _ node: some AgentNode
    ) throws(ControlFailure) -> Step {
        switch (stage, reply.result) {
        case (.registering, .register(let message)):
            let mail = try membership.registered(message, now: now)
            let report = outbox.beginReport()
            stage = .beating
            let notices: [Action] = wasRegistered ? [] : [.tell(.serving)]
            wasRegistered = true
            return heartbeat(node).after(
                heard(mail) + [.deliver(.reportAll(report))] + notices + [
                    .tell(.registered(session: message.session)), .bind,
                ])
        case (.resuming, .heartbeat(let message)):
            let actions = try heard(message, now: now)
            stage = .beating
            return heartbeat(node).after(
                actions + [.tell(.resumed(session: membership.session)), .bind])
        case (.beating, .heartbeat(let message)):
            return Step(
                actions: try heard(message, now: now), wait: .rest(membership.restMilliseconds))
        default:
            throw .malformed("the answer is not to what was asked")
        }
    }

    private mutating func heard(
        _ message: ControlHeartbeatReply, now: Int64
    ) throws(ControlFailure) -> [Action] {
        let mail = try membership.answered(message, now: now)
        var actions: [Action] = []
        for kind in Membership.unknownKinds(in: message).subtracting(kindsTold).sorted()
        where kindsTold.count < Self.mostKindsTold {
            kindsTold.insert(kind)
            actions.append(.tell(.unknownCommand(kind)))
        }
        return actions + heard(mail) + [.keep(membership.seen)]
    }

    private mutating func heard(_ mail: [Mail]) -> [Action] {
        lastFailure = ""
        return mail.flatMap { message -> [Action] in
            guard case .fenced = message else { return [.post(message)] }
            return [.deliver(message), .tell(.unfenced)]
        }
    }

    private mutating func failed(_ failure: ControlFailure, now: Int64) -> Step {
        if let reason = membership.finality(of: failure) { return Step(wait: .end(reason)) }
        stage = .apart
        let wasOpen = membership.isOpen
        membership.failed(failure)
        // The namenode answers and wants a registration: nothing is to be waited for.
        if wasOpen, !membership.isOpen { return connect() }
        var step = Step(wait: .rest(membership.pauseMilliseconds))
        if lastFailure != "\(failure)" {
            lastFailure = "\(failure)"
            step.actions.append(.tell(.noContact(lastFailure)))
        }
        if membership.fencesNow(at: now) {
            step.actions += [
                .deliver(.fenced(true)), .tell(.fenced(silence: membership.silence(now: now))),
            ]
        }
        return step
    }
}

extension AgentLoop.Step {
    fileprivate consuming func after(_ earlier: [AgentLoop.Action]) -> Self {
        actions = earlier + actions
        return self
    }
}
