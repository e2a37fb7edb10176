import ControlClient
import Glibc
import Logging
import Reactor
import System
import Wire

/// A datanode's conversation with its namenode, on a thread of its own: REGISTER, then HEARTBEAT,
/// for ever. `AgentLoop` decides; this has the socket, the clock and the log.
///
/// It hands the reactors what the namenode says (keys, deletions) and the namenode what they say
/// (blocks). When no answer came for half the dead time, it fences the reactors, so that this
/// node is silent before its place is given away.
final class Agent: Sendable {
    struct Identity: Sendable {
        var namenode: Endpoint
        var cluster: ClusterID
        var node: NodeID
        var incarnation: IncarnationID
        var secret: [UInt8]
        /// Where clients and other datanodes reach this one: a numeric address.
        var host: String
        var port: UInt16
        var location: String
        var software: String
        /// That it has when it starts.
        var blocks: Int
    }

    enum End: Sendable, Equatable {
        case stopped
        /// The namenode will not have this node; the sentence says why.
        case refused(String)
        /// A directory cannot be bound to the cluster.
        case failed(StartFailure)
    }

    private let identity: Identity
    private let directories: [DataDirectory]
    private let outbox: Outbox
    private let host: ReactorHost
    private let log: Logger
    private let stopSignal: StopSignal
    /// What the directories keep of the scrub, as it was at the start.
    private let kept: [ScrubFile]

    init(
        _ identity: Identity, _ directories: [DataDirectory], _ outbox: Outbox,
        _ host: ReactorHost, _ kept: [ScrubFile], _ stopSignal: StopSignal, _ log: Logger
    ) {
        self.kept = kept
        self.stopSignal = stopSignal
        self.identity = identity
        self.directories = directories
        self.outbox = outbox
        self.host = host
        self.log = log
    }

    private var isRunning: Bool { !stopSignal.wasSet }
    private var now: Int64 { MonotonicClock.milliseconds }

    /// Runs until `stop` or until the namenode refuses the node for good.
    func run() -> End {
        let marks = MarkKeeper(directories.map(\.records), log)
        let scrubs = ScrubKeeper(directories.map(\.folders), kept, log)
        defer { scrubs.keep(outbox, now: now, isLast: true) }
        let devices = AgentDevices(directories, outbox, host, log)
        var loop = AgentLoop(membership(seen: marks.newest), outbox)
        var connection: ControlConnection?
        var wait = AgentLoop.Wait.rest(0)
        while isRunning {
            let event = event(after: wait, &connection, proof: loop.membership.proof)
            guard isRunning else { break }
            let step = loop.step(event, now: now, node: devices)
            for action in step.actions {
                switch action {
                case .post(let mail): post(mail)
                case .deliver(let mail): host.deliver(mail)
                case .bind:
                    if let failure = devices.bind(to: identity.cluster) { return .failed(failure) }
                case .keep(let mark): marks.keep(mark)
                case .tell(let notice): tell(notice)
                }
            }
            if case .end(let reason) = step.wait { return .refused(reason) }
            scrubs.keep(outbox, now: now)
            wait = step.wait
        }
        return .stopped
    }

    private func membership(seen: NamespaceMark) -> Membership {
        Membership(
            Membership.Member(
                node: identity.node, incarnation: identity.incarnation, secret: identity.secret,
                host: identity.host, port: identity.port, location: identity.location,
                software: identity.software),
            client: .random(), seen: seen, now: now)
    }

    /// Waits for what the loop waits for.
    private func event(
        after wait: AgentLoop.Wait, _ connection: inout ControlConnection?, proof: AnswerProof?
    ) -> AgentLoop.Event {
        do throws(ControlFailure) {
            switch wait {
            case .rest(let milliseconds):
                rest(milliseconds)
                return .rested
            case .connect(let milliseconds):
                connection = nil
                let new = try connect(milliseconds)
                connection = new
                return .connected(challenge: new.challenge)
            case .call(let request, let milliseconds):
                guard let connection else {
                    preconditionFailure("a call has a connection to go over")
                }
                return .answered(
                    try connection.call(request, milliseconds: milliseconds, proof: proof))
            case .end: preconditionFailure("nothing comes after the end")
            }
        } catch {
            connection = nil
            return .failed(error)
        }
    }

    private func connect(_ milliseconds: Int64) throws(ControlFailure) -> ControlConnection {
        var settings = ControlConnection.Settings(role: .datanode, software: identity.software)
        settings.cluster = identity.cluster
        settings.connectMilliseconds = milliseconds
        settings.callMilliseconds = milliseconds
        return try ControlConnection(identity.namenode, settings)
    }

    private func rest(_ milliseconds: Int64) {
        let end = now + milliseconds
        while isRunning, now < end { usleep(50_000) }
    }

    private func post(_ message: Mail) {
        if !host.post(message) { log.warning("the reactor's mailbox is full") }
    }

    private func tell(_ notice: AgentLoop.Notice) {
        switch notice {
        case .serving:
            log.info(
                "serving",
                metadata: [
                    "node": "\(identity.node)", "cluster": "\(identity.cluster)",
                    "address": "\(identity.host):\(identity.port)",
                    "blocks": "\(identity.blocks)", "directories": "\(directories.count)",
                ])
        case .registered(let session):
            log.info(
                "registered",
                metadata: ["session": "\(session)", "namenode": "\(identity.namenode)"])
        case .resumed(let session):
            log.info("the session goes on", metadata: ["session": "\(session)"])
        case .noContact(let reason):
            log.warning("no contact with the namenode", metadata: ["reason": "\(reason)"])
        case .fenced(let silence):
            log.warning(
                "taking no writes until the namenode answers again",
                metadata: ["silence_ms": "\(silence)"])
        case .unfenced: log.info("contact with the namenode is back: taking writes again")
        case .unknownCommand(let kind):
            log.error(
                "the namenode asks for what this datanode does not know: nothing is done",
                metadata: ["command": "\(kind)", "hint": "is this node older than its namenode?"])
        }
    }
}
