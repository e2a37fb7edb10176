import ControlClient
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

    /// Runs until `stop` or until the namenode refuses the node for good.
    func run() -> End {
        let marks = MarkKeeper(directories, log)
        var session = Session(identity, directories, seen: marks.newest)
        let keeper = ScrubKeeper(directories, kept, log)
        defer { keeper.keep(outbox, now: MonotonicClock.milliseconds, isLast: true) }
        while isRunning {
            do throws(ControlFailure) {
                if session.membership.isOpen {
                    try resume(&session)
                } else {
                    try register(&session)
                }
                if let failure = bind(&session) { return .failed(failure) }
                while isRunning {
                    try heartbeat(&session)
                    marks.keep(session.membership.seen)
                    keeper.keep(outbox, now: MonotonicClock.milliseconds)
                    rest(session.membership.restMilliseconds)
                }
            } catch {
                if let reason = session.membership.finality(of: error) { return .refused(reason) }
                session.connection = nil
                let wasOpen = session.membership.isOpen
                session.membership.failed(error)
                // The namenode answers and wants a registration: nothing is to be waited for.
                if wasOpen, !session.membership.isOpen { continue }
                keeper.keep(outbox, now: MonotonicClock.milliseconds)
                if session.lastWarning != "\(error)" {
                    session.lastWarning = "\(error)"
                    log.warning("no contact with the namenode", metadata: ["reason": "\(error)"])
                }
                fenceIfDue(&session)
                rest(session.membership.pauseMilliseconds)
            }
        }
        return .stopped
    }

    private struct Session {
        var connection: ControlConnection?
        var records: DirectoryRecords
        var membership: Membership
        var lastWarning = ""
        /// Devices of which the log has said that they are out of service.
        var failuresTold: Set<Int> = []
        /// Devices of which the log has said that they have no room.
        var fullTold: Set<Int> = []
        /// Kinds of command of which the log has said that they are not known here.
        var kindsTold: Set<Int> = []

        init(
            _ identity: Identity, _ directories: [DataDirectory], seen: NamespaceMark
        ) {
            records = DirectoryRecords(directories)
            membership = Membership(
                Membership.Member(
                    node: identity.node, incarnation: identity.incarnation,
                    secret: identity.secret, host: identity.host, port: identity.port,
                    software: identity.software),
                client: .random(), seen: seen, now: MonotonicClock.milliseconds)
        }
    }

    /// The cluster has taken this node in: its directories are that cluster's from now on.
    private func bind(_ session: inout Session) -> StartFailure? {
        do throws(StartFailure) {
            try session.records.accepted(by: identity.cluster)
            return nil
        } catch {
            return error
        }
    }

    private func connect(_ milliseconds: Int64) throws(ControlFailure) -> ControlConnection {
        var settings = ControlConnection.Settings(role: .datanode, software: identity.software)
        settings.cluster = identity.cluster
        settings.connectMilliseconds = milliseconds
        settings.callMilliseconds = milliseconds
        return try ControlConnection(identity.namenode, settings)
    }

    /// Goes on with a session over a new connection: first with what had no answer.
    private func resume(_ session: inout Session) throws(ControlFailure) {
        session.connection = try connect(session.membership.callMilliseconds)
        if let unanswered = session.membership.unanswered { try send(unanswered, &session) }
        log.info("the session goes on", metadata: ["session": "\(session.membership.session)"])
    }

    private func register(_ session: inout Session) throws(ControlFailure) {
        let connection = try connect(session.membership.callMilliseconds)
        session.connection = connection
        if let failure = session.records.begin() {
            log.warning(
                "a directory does not keep its generation", metadata: ["reason": "\(failure)"])
        }
        let register = session.membership.register(
            challenge: connection.challenge, devices: devices(rooms()),
            generation: session.records.generation)
        let reply = try call(.register(register), &session).register
        let mail = try session.membership.registered(reply, now: MonotonicClock.milliseconds)
        let report = outbox.beginReport()
        heard(mail, &session)
        host.deliver(.reportAll(report))
        log.info(
            "registered",
            metadata: ["session": "\(reply.session)", "namenode": "\(identity.namenode)"])
    }

    private func heartbeat(_ session: inout Session) throws(ControlFailure) {
        checkDevices()
        tellFailures(&session)
        let rooms = rooms()
        tellRoom(rooms, &session)
        let devices = devices(rooms)
        let heartbeat = session.membership.heartbeat(
            outbox.take(Membership.changesPerHeartbeat), devices: devices,
            openStreams: outbox.counters.writeStreamsOpen,
            scrubs: directories.indices.compactMap(scrub))
        post(.room(rooms))
        try send(heartbeat, &session)
    }

    private func send(
        _ heartbeat: ControlHeartbeat, _ session: inout Session
    ) throws(ControlFailure) {
        let proven = session.membership.proven(
            heartbeat, challenge: session.connection?.challenge ?? [])
        let reply = try call(.heartbeat(proven), &session).heartbeat
        tellUnknown(Membership.unknownKinds(in: reply), &session)
        heard(try session.membership.answered(reply, now: MonotonicClock.milliseconds), &session)
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

    /// Each kind once, and few of them: whoever speaks nonsense may invent as many as it likes.
    private func tellUnknown(_ kinds: Set<Int>, _ session: inout Session) {
        for kind in kinds.subtracting(session.kindsTold).sorted()
        where session.kindsTold.count < Self.mostKindsTold {
            session.kindsTold.insert(kind)
            log.error(
                "the namenode asks for what this datanode does not know: nothing is done",
                metadata: ["command": "\(kind)", "hint": "is this node older than its namenode?"])
        }
    }

    private static let mostKindsTold = 16

    private func call(
        _ operation: ControlRequest.OneOf_Operation, _ session: inout Session
    ) throws(ControlFailure) -> ControlReply {
        guard let connection = session.connection else {
            throw .unreachable(address: "\(identity.namenode)", reason: "not connected")
        }
        return try connection.call(
            session.membership.request(operation),
            milliseconds: session.membership.callMilliseconds, proof: session.membership.proof)
    }

    /// An answer came: the reactors hear what it means for them.
    private func heard(_ mail: [Mail], _ session: inout Session) {
        session.lastWarning = ""
        for message in mail {
            guard case .fenced = message else {
                post(message)
                continue
            }
            host.deliver(message)
            log.info("contact with the namenode is back: taking writes again")
        }
    }

    private func fenceIfDue(_ session: inout Session) {
        let now = MonotonicClock.milliseconds
        guard session.membership.fencesNow(at: now) else { return }
        host.deliver(.fenced(true))
        log.warning(
            "taking no writes until the namenode answers again",
            metadata: ["silence_ms": "\(session.membership.silence(now: now))"])
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

    private func rooms() -> [DeviceRoom] {
        directories.enumerated().map { place, directory in
            directory.room(spareBytes: outbox.spareBytes(on: place))
        }
    }

    private func tellRoom(_ rooms: [DeviceRoom], _ session: inout Session) {
        for (place, room) in rooms.enumerated() {
            if let defect = room.defect {
                guard session.fullTold.insert(place).inserted else { continue }
                log.warning(
                    "a device has no room: no new blocks are put there",
                    metadata: ["path": "\(directories[place].path)", "reason": "\(defect)"])
            } else if session.fullTold.remove(place) != nil {
                log.info(
                    "a device has room again", metadata: ["path": "\(directories[place].path)"])
            }
        }
    }

    private func devices(_ rooms: [DeviceRoom]) -> [ControlDevice] {
        let failed = outbox.failedDevices
        return zip(directories, rooms).enumerated().map { place, of in
            let (directory, room) = of
            var device = ControlDevice()
            device.failed = failed[place] != nil
            device.deviceID = Data(directory.device.bytes)
            device.location = identity.location
            device.capacityBytes = room.capacity
            device.freeBytes = room.usable
            device.usedBytes = room.capacity - min(room.capacity, room.usable)
            device.path = directory.path
            return device
        }
    }
}
