import ControlClient
import Crypto
import Foundation
import Logging
import Reactor
import Wire

/// A datanode's conversation with its namenode, on a thread of its own: REGISTER, then HEARTBEAT,
/// for ever.
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

    init(
        _ identity: Identity, _ directories: [DataDirectory], _ outbox: Outbox,
        _ host: ReactorHost, _ stopSignal: StopSignal, _ log: Logger
    ) {
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
        while isRunning {
            do throws(ControlFailure) {
                try register(&session)
                if let failure = bind() { return .failed(failure) }
                while isRunning {
                    try heartbeat(&session)
                    rest(Int64(session.timing.heartbeatMs))
                }
            } catch {
                if let reason = Self.finality(of: error) { return .refused(reason) }
                session.connection = nil
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
        /// Devices of which the log has said that they are out of service.
        var failuresTold: Set<Int> = []
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

    private func register(_ session: inout Session) throws(ControlFailure) {
        var settings = ControlConnection.Settings(role: .datanode, software: identity.software)
        settings.cluster = identity.cluster
        settings.connectMilliseconds = Self.callMilliseconds
        settings.callMilliseconds = Self.callMilliseconds
        let connection = try ControlConnection(identity.namenode, settings)
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
        session.timing = reply.timing
        let report = outbox.beginReport()
        heard(reply.keys, reply.currentKey, &session)
        host.deliver(.reportAll(report))
        log.info(
            "registered",
            metadata: ["session": "\(reply.session)", "namenode": "\(identity.namenode)"])
    }

    private func heartbeat(_ session: inout Session) throws(ControlFailure) {
        checkDevices()
        tellFailures(&session)
        let (changes, isComplete) = outbox.take(Self.changesPerHeartbeat)
        var heartbeat = ControlHeartbeat()
        heartbeat.nodeID = Data(identity.node.bytes)
        heartbeat.session = session.number
        session.sequence += 1
        heartbeat.sequence = session.sequence
        heartbeat.blocks = changes.map(blockState)
        heartbeat.reportComplete = isComplete
        heartbeat.devices = devices()
        post(.room(heartbeat.devices.map { $0.failed || $0.freeBytes >= Self.roomBytes }))
        heartbeat.openStreams = UInt32(clamping: outbox.counters.writeStreamsOpen)
        // When this throws, what was taken is named again after the registration that follows.
        let reply = try call(.heartbeat(heartbeat), &session).heartbeat
        heard(reply.keys, reply.currentKey, &session)
        for command in reply.commands where command.kind == .delete {
            post(.delete(BlockID(command.block), Epoch(command.epoch)))
        }
    }

    /// Takes devices out of service whose directory is gone or read-only, before a write meets it.
    private func checkDevices() {
        let failed = outbox.failedDevices
        for (place, directory) in directories.enumerated() where failed[place] == nil {
            guard let defect = directory.defect else { continue }
            outbox.deviceFailed(place, defect)
            host.deliver(.deviceFailed(place, reason: defect))
        }
    }

    private func tellFailures(_ session: inout Session) {
        let failed = outbox.failedDevices
        guard failed.count > session.failuresTold.count else { return }
        for (place, reason) in failed where !session.failuresTold.contains(place) {
            session.failuresTold.insert(place)
            log.error(
                "device out of service: its blocks count as lost here",
                metadata: [
                    "device": "\(directories[place].device)", "path": "\(directories[place].path)",
                    "reason": "\(reason)",
                ])
        }
        if failed.count == directories.count {
            log.error("every device is out of service: this node takes no writes")
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
        let failed = outbox.failedDevices
        return directories.enumerated().map { place, directory in
            let (capacity, free) = directory.space()
            var device = ControlDevice()
            device.failed = failed[place] != nil
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
            }
        return state
    }
}
