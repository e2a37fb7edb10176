import ControlClient
import Crypto
import Foundation
import Logging
import Reactor
import Wire

/// A datanode's conversation with its namenode, on a thread of its own: REGISTER, then HEARTBEAT,
/// for ever.
///
/// A connection that breaks costs nothing but a new one: the session goes on with the HEARTBEAT
/// that had no answer, under its sequence, so that what was reported stays reported. Only a
/// namenode that does not know the session any more is told everything anew.
///
/// It hands the reactor what the namenode says (keys, deletions) and the namenode what the reactor
/// says (blocks). When no answer came for half the dead time, it fences the reactor, so that this
/// node is silent before its place is given away (DESIGN section 7; 3FS's T/2).
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
    }

    enum End: Sendable, Equatable {
        case stopped
        /// The namenode will not have this node; the sentence says why.
        case refused(String)
        /// A directory cannot be bound to the cluster.
        case failed(StartFailure)
    }

    /// Changes in one heartbeat: a few tens of bytes each, far below the longest control message.
    static let changesPerHeartbeat = 4096
    static let callMilliseconds: Int64 = 2_000
    /// A device with less free space than this takes no new blocks.
    static let roomBytes: UInt64 = 1 << 20

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

    /// Runs until `stop` or until the namenode refuses the node for good.
    func run() -> End {
        var session = Session()
        let keeper = ScrubKeeper(directories, kept, log)
        defer { keeper.keep(outbox, now: MonotonicClock.milliseconds, isLast: true) }
        while isRunning {
            do throws(ControlFailure) {
                if session.isOpen { try resume(&session) } else { try register(&session) }
                if let failure = bind() { return .failed(failure) }
                while isRunning {
                    try heartbeat(&session)
                    keeper.keep(outbox, now: MonotonicClock.milliseconds)
                    rest(Int64(session.timing.heartbeatMs))
                }
            } catch {
                if let reason = Self.finality(of: error) { return .refused(reason) }
                session.connection = nil
                if case .refused = error { session.isOpen = false }
                keeper.keep(outbox, now: MonotonicClock.milliseconds)
                if session.lastWarning != "\(error)" {
                    session.lastWarning = "\(error)"
                    log.warning("no contact with the namenode", metadata: ["reason": "\(error)"])
                }
                fenceIfDue(&session)
                rest(min(500, Int64(session.timing.heartbeatMs)))
            }
        }
        return .stopped
    }

    private struct Session {
        var connection: ControlConnection?
        /// The namenode has taken this node in, and has not said since that it is over.
        var isOpen = false
        /// Sent, or about to be, and not answered.
        var unanswered: ControlHeartbeat?
        var number: UInt64 = 0
        var sequence: UInt64 = 0
        var request: UInt64 = 0
        var timing: ControlTiming = {
            var timing = ControlTiming()
            timing.heartbeatMs = 1000
            timing.deadMs = 10_000
            return timing
        }()
        var lastContact = MonotonicClock.milliseconds
        var isFenced = false
        var lastWarning = ""
        let client = ClientID.random()
    }

    /// `nil` when trying again makes sense.
    private static func finality(of failure: ControlFailure) -> String? {
        switch failure {
        case .refused(let refusal)
        where [.badSecret, .incarnationReplaced, .wrongCluster, .malformed].contains(refusal.code):
            refusal.message
        case .wrongCluster, .wrongVersion: "\(failure)"
        case .refused, .unreachable, .timedOut, .malformed: nil
        }
    }

    /// The cluster has taken this node in: its directories are that cluster's from now on.
    private func bind() -> StartFailure? {
        do throws(StartFailure) {
            for directory in directories { try directory.bind(to: identity.cluster) }
            return nil
        } catch {
            return error
        }
    }

    private func connect() throws(ControlFailure) -> ControlConnection {
        var settings = ControlConnection.Settings(role: .datanode, software: identity.software)
        settings.cluster = identity.cluster
        settings.connectMilliseconds = Self.callMilliseconds
        settings.callMilliseconds = Self.callMilliseconds
        return try ControlConnection(identity.namenode, settings)
    }

    /// Goes on with a session over a new connection: first with what had no answer.
    private func resume(_ session: inout Session) throws(ControlFailure) {
        session.connection = try connect()
        if let unanswered = session.unanswered { try send(unanswered, &session) }
        log.info("the session goes on", metadata: ["session": "\(session.number)"])
    }

    private func register(_ session: inout Session) throws(ControlFailure) {
        let connection = try connect()
        let covered = connection.challenge + identity.node.bytes + identity.incarnation.bytes
        var register = ControlRegister()
        register.nodeID = Data(identity.node.bytes)
        register.incarnation = Data(identity.incarnation.bytes)
        register.host = identity.host
        register.port = UInt32(identity.port)
        register.devices = devices()
        register.software = identity.software
        register.proof = Data(
            HMAC<SHA256>.authenticationCode(
                for: covered, using: SymmetricKey(data: identity.secret)))
        session.connection = connection
        let reply = try call(.register(register), &session).register
        session.number = reply.session
        session.sequence = 0
        session.unanswered = nil
        session.isOpen = true
        session.timing = reply.timing
        let report = outbox.beginReport()
        heard(reply.keys, reply.currentKey, &session)
        host.deliver(.reportAll(report))
        log.info(
            "registered",
            metadata: ["session": "\(reply.session)", "namenode": "\(identity.namenode)"])
    }

    private func heartbeat(_ session: inout Session) throws(ControlFailure) {
        let (changes, isComplete) = outbox.take(Self.changesPerHeartbeat)
        var heartbeat = ControlHeartbeat()
        heartbeat.nodeID = Data(identity.node.bytes)
        heartbeat.session = session.number
        session.sequence += 1
        heartbeat.sequence = session.sequence
        heartbeat.blocks = changes.map(blockState)
        heartbeat.reportComplete = isComplete
        heartbeat.devices = devices()
        post(.room(heartbeat.devices.map { $0.freeBytes >= Self.roomBytes }))
        heartbeat.openStreams = UInt32(clamping: outbox.counters.writeStreamsOpen)
        heartbeat.scrubs = directories.indices.compactMap(scrub)
        try send(heartbeat, &session)
    }

    /// Keeps what was taken from the outbox until it is answered.
    private func send(
        _ heartbeat: ControlHeartbeat, _ session: inout Session
    ) throws(ControlFailure) {
        session.unanswered = heartbeat
        let reply = try call(.heartbeat(heartbeat), &session).heartbeat
        session.unanswered = nil
        heard(reply.keys, reply.currentKey, &session)
        for command in reply.commands {
            switch command.kind {
            case .delete: post(.delete(BlockID(command.block), Epoch(command.epoch)))
            case .scrub: post(.scrub(command.block == 0 ? nil : BlockID(command.block)))
            // A newer namenode's, which it repeats until a newer datanode does it.
            case .UNRECOGNIZED: break
            }
        }
    }

    private func scrub(of device: Int) -> ControlDeviceScrub? {
        outbox.scrub(of: device).map { progress in
            var message = ControlDeviceScrub()
            message.deviceID = Data(directories[device].device.bytes)
            message.pass = progress.passes
            message.passBlocks = progress.passBlocks
            message.passDone = progress.passDone
            message.passBytes = progress.passBytes
            message.blocks = progress.blocks
            message.bytes = progress.bytes
            message.bad = progress.bad
            message.asked = progress.asked
            return message
        }
    }

    private func call(
        _ operation: ControlRequest.OneOf_Operation, _ session: inout Session
    ) throws(ControlFailure) -> ControlReply {
        guard let connection = session.connection else {
            throw .unreachable(address: "\(identity.namenode)", reason: "not connected")
        }
        session.request += 1
        var request = ControlRequest()
        request.clientID = Data(session.client.bytes)
        request.requestID = session.request
        request.operation = operation
        return try connection.call(request)
    }

    /// An answer came: contact, and the keys that are valid now.
    private func heard(_ keys: [ControlSigningKey], _ current: UInt64, _ session: inout Session) {
        let now = MonotonicClock.milliseconds
        session.lastContact = now
        session.lastWarning = ""
        let ring = keys.compactMap { key in
            SigningKey(
                id: KeyID(key.keyID), secret: Array(key.secret),
                made: now - Int64(clamping: key.ageMs))
        }
        post(.keys(KeyRing(ring, current: KeyID(current))))
        if session.isFenced {
            session.isFenced = false
            host.deliver(.fenced(false))
            log.info("contact with the namenode is back: taking writes again")
        }
    }

    private func fenceIfDue(_ session: inout Session) {
        let silence = MonotonicClock.milliseconds - session.lastContact
        guard !session.isFenced, silence >= Int64(session.timing.deadMs) / 2 else { return }
        session.isFenced = true
        host.deliver(.fenced(true))
        log.warning(
            "taking no writes until the namenode answers again",
            metadata: ["silence_ms": "\(silence)"])
    }

    /// The reactor drains its mailbox every turn; when it is full all the same, the next heartbeat
    /// repeats what matters.
    private func post(_ message: Mail) {
        if !host.post(message) { log.warning("the reactor's mailbox is full") }
    }

    private func rest(_ milliseconds: Int64) {
        let end = MonotonicClock.milliseconds + milliseconds
        while isRunning, MonotonicClock.milliseconds < end { usleep(50_000) }
    }

    private func devices() -> [ControlDevice] {
        directories.map { directory in
            let (capacity, free) = directory.space()
            var device = ControlDevice()
            device.deviceID = Data(directory.device.bytes)
            device.location = identity.location
            device.capacityBytes = capacity
            device.freeBytes = free
            device.usedBytes = capacity - min(capacity, free)
            device.path = directory.path
            return device
        }
    }

    private func blockState(_ block: BlockID, _ record: BlockRecord) -> ControlBlockState {
        var state = ControlBlockState()
        state.block = block.number
        state.epoch = record.epoch.number
        state.length = record.length
        state.crc = record.checksum
        state.deviceID = Data(directories[record.device].device.bytes)
        state.state =
            switch record.state {
            case .open: .open
            case .sealed: .sealed
            case .mayBeLost: .maybeLost
            case .lost: .lost
            case .gone: .gone
            case .corrupt: .corrupt
            }
        return state
    }
}
