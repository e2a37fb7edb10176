import ControlClient
import Foundation
import Metrics
import Wire

/// What a datanode says to its namenode, and when it falls silent: the agent's decisions without
/// its sockets and threads, so that a simulator runs them too. One call at a time; all times are
/// monotonic milliseconds.
package struct Membership: Sendable {
    /// Who the datanode is to its namenode.
    package struct Member: Sendable {
        package var node: NodeID
        package var incarnation: IncarnationID
        package var secret: [UInt8]
        /// Where clients and other datanodes reach this one: a numeric address.
        package var host: String
        package var port: UInt16
        /// `/az/pod/rack/node/device`, or empty for what the namenode's map says.
        package var location: String
        package var software: String

        package init(
            node: NodeID, incarnation: IncarnationID, secret: [UInt8], host: String, port: UInt16,
            location: String = "", software: String
        ) {
            self.node = node
            self.incarnation = incarnation
            self.secret = secret
            self.host = host
            self.port = port
            self.location = location
            self.software = software
        }
    }

    /// Changes in one heartbeat: a few tens of bytes each, far below the longest control message.
    package static let changesPerHeartbeat = 4096
    private static let longestCall: Int64 = 2_000
    private static let longestPause: Int64 = 500
    /// A reactor names every block in one turn.
    private static let gatherPause: Int64 = 50

    private let member: Member
    private let client: ClientID
    package private(set) var session: UInt64 = 0
    private var sequence: UInt64 = 0
    private var lastRequest: UInt64 = 0
    private var timing: ControlTiming = {
        var timing = ControlTiming()
        timing.heartbeatMs = 1000
        timing.deadMs = 10_000
        return timing
    }()
    /// The namenode has taken this node in, and has not said since that it is over: a new
    /// connection goes on with the session.
    package private(set) var isOpen = false
    /// Sent, or about to be, and not answered: what a new connection begins with, under its
    /// sequence, so that what it reported stays reported.
    package private(set) var unanswered: ControlHeartbeat?
    /// What the last heartbeat left unsaid.
    private var backlog = Outbox.Backlog.none
    /// When the last answer came.
    package private(set) var lastContact: Int64
    package private(set) var isFenced = false
    /// Opens the keys of the next answer: made with what was asked last.
    private var seal: KeySeal?
    /// What the next answer must be proven with: made with what was asked last.
    package private(set) var proof: AnswerProof?
    /// The namenode has taken this process in, once.
    private var wasTakenIn = false
    private var random: ChallengeRandom
    /// The newest state of the namespace that this node has heard of: said at REGISTER, so that a
    /// namenode on an older copy hears of it.
    package private(set) var seen: NamespaceMark

    /// - Parameter seen: as an earlier process of this node kept it.
    package init(
        _ member: Member, client: ClientID, seen: NamespaceMark = .none, now: Int64,
        random: ChallengeRandom = ChallengeRandom()
    ) {
        self.seen = seen
        self.member = member
        self.client = client
        self.random = random
        lastContact = now
    }

    var location: String { member.location }

    // MARK: Time

    /// Between an answer and the next heartbeat.
    package var restMilliseconds: Int64 {
        switch backlog {
        case .none: Int64(timing.heartbeatMs)
        // A report goes as fast as the namenode takes it: one heartbeat at a time.
        case .waiting: 0
        case .gathering: min(Self.gatherPause, Int64(timing.heartbeatMs))
        }
    }

    /// Between a failed call and the next try.
    package var pauseMilliseconds: Int64 { min(Self.longestPause, Int64(timing.heartbeatMs)) }

    /// What a connect may take, and what a call may. The fence is looked at when a call has failed:
    /// half the dead time, a pause, a connect and a call together stay below the dead time.
    package var callMilliseconds: Int64 {
        max(10, min(Self.longestCall, Int64(timing.deadMs) / 8))
    }

    /// How long ago the namenode was last heard.
    package func silence(now: Int64) -> Int64 { now - lastContact }

    /// After a failed call. Whether the node is to fall silent now: its namenode may give its place
    /// away when the other half of the dead time has passed.
    package mutating func fencesNow(at now: Int64) -> Bool {
        guard !isFenced, silence(now: now) >= Int64(timing.deadMs) / 2 else { return false }
        isFenced = true
        return true
    }

    /// A call failed. The session is over only when the namenode says so, and proves it.
    package mutating func failed(_ failure: ControlFailure) {
        if case .refused(let refusal) = failure, refusal.isProven { isOpen = false }
    }

    /// `nil` when trying again makes sense.
    ///
    /// A node that its namenode has taken in ends on that namenode's word alone: whoever else
    /// answers at its address is no contact, and passes. At the start what anybody says is for the
    /// operator: a wrong secret and a wrong cluster cannot be told with a proof.
    package func finality(of failure: ControlFailure) -> String? {
        switch failure {
        case .refused(let refusal)
        where [.badSecret, .incarnationReplaced, .staleCopy, .wrongCluster, .malformed].contains(
            refusal.code) && (refusal.isProven || !wasTakenIn):
            refusal.message
        case .wrongCluster where !wasTakenIn, .wrongVersion where !wasTakenIn: "\(failure)"
        case .refused, .unreachable, .unknownHost, .timedOut, .malformed, .wrongCluster,
            .wrongVersion:
            nil
        }
    }

    // MARK: What it says

    package mutating func request(_ operation: ControlRequest.OneOf_Operation) -> ControlRequest {
        lastRequest += 1
        var request = ControlRequest()
        request.clientID = Data(client.bytes)
        request.requestID = lastRequest
        request.operation = operation
        return request
    }

    /// - Parameters:
    ///   - challenge: of the greeting of the connection that it goes over.
    ///   - generation: of the node's directories, 0 when nobody counts it.
    package mutating func register(
        challenge: [UInt8], devices: [ControlDevice], generation: UInt64 = 0
    ) -> ControlRegister {
        var register = ControlRegister()
        register.nodeID = Data(member.node.bytes)
        register.incarnation = Data(member.incarnation.bytes)
        register.host = member.host
        register.port = UInt32(member.port)
        register.devices = devices
        register.software = member.software
        register.generation = generation
        register.seenIncarnation = seen.incarnation.number
        register.seenCommit = seen.commit
        register.proof = MembershipProof.make(
            MembershipProof.register(
                challenge: challenge, node: member.node, incarnation: member.incarnation.bytes),
            secret: member.secret)
        register.challenge = newChallenge(beside: challenge)
        return register
    }

    /// The answer is proven and its keys are sealed with it: only who knows the cluster's secret
    /// can have sent the one, and reads the others.
    private mutating func newChallenge(beside namenode: [UInt8]) -> Data {
        let own = Challenge(using: &random).bytes
        seal = KeySeal(
            secret: member.secret, node: member.node, namenode: namenode, datanode: own)
        proof = AnswerProof(
            secret: member.secret, node: member.node, namenode: namenode, datanode: own)
        return Data(own)
    }

    /// - Parameters:
    ///   - batch: at most `changesPerHeartbeat`; it is kept in `unanswered` until the answer.
    ///   - devices: in the order in which the records number them.
    package mutating func heartbeat(
        _ batch: Outbox.Batch, devices: [ControlDevice], openStreams: Int,
        scrubs: [ControlDeviceScrub] = [], metrics: [MetricSample] = []
    ) -> ControlHeartbeat {
        var heartbeat = ControlHeartbeat()
        heartbeat.nodeID = Data(member.node.bytes)
        heartbeat.session = session
        sequence += 1
        heartbeat.sequence = sequence
        // In the order of their numbers, so that a message depends on nothing but what it says.
        heartbeat.blocks = batch.changes.sorted { $0.block < $1.block }.map { change in
            Self.state(change.block, change.record, devices[change.record.device].deviceID)
        }
        heartbeat.reportComplete = batch.isComplete
        heartbeat.devices = devices
        heartbeat.openStreams = UInt32(clamping: openStreams)
        heartbeat.scrubs = scrubs
        heartbeat.metrics = metrics.map(ControlMetric.init)
        backlog = batch.backlog
        unanswered = heartbeat
        return heartbeat
    }

    /// A heartbeat as it goes over one connection, whose greeting had this challenge.
    package mutating func proven(_ heartbeat: ControlHeartbeat, challenge: [UInt8])
        -> ControlHeartbeat
    {
        var proven = heartbeat
        proven.proof = MembershipProof.make(
            MembershipProof.heartbeat(
                challenge: challenge, node: member.node, session: heartbeat.session),
            secret: member.secret)
        proven.challenge = newChallenge(beside: challenge)
        return proven
    }

    private static func state(
        _ block: BlockID, _ record: BlockRecord, _ device: Data
    ) -> ControlBlockState {
        var state = ControlBlockState()
        state.block = block.number
        state.epoch = record.epoch.number
        state.length = record.length
        state.crc = record.checksum
        state.deviceID = device
        state.incarnation = record.incarnation.number
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

    // MARK: What it hears

    /// The namenode took the node in. A report of every block has to begin.
    /// - Parameter reply: of an answer that `proof` proved.
    /// - Returns: what the reactors are to be told, in order.
    /// - Throws: when its keys cannot be opened.
    package mutating func registered(
        _ reply: ControlRegisterReply, now: Int64
    ) throws(ControlFailure) -> [Mail] {
        let ring = try opened(reply.keys, reply.currentKey, now: now)
        session = reply.session
        sequence = 0
        isOpen = true
        wasTakenIn = true
        unanswered = nil
        timing = reply.timing
        return heard(ring, now: now)
    }

    /// - Parameter reply: of an answer that `proof` proved.
    /// - Returns: what the reactors are to be told, in order.
    /// - Throws: as `registered` does.
    package mutating func answered(
        _ reply: ControlHeartbeatReply, now: Int64
    ) throws(ControlFailure) -> [Mail] {
        let ring = try opened(reply.keys, reply.currentKey, now: now)
        unanswered = nil
        let mail = heard(ring, now: now) + reply.commands.compactMap(Self.mail)
        // A namespace that knows itself to be older than its datanodes says nothing.
        guard reply.incarnation != 0 else { return mail }
        let incarnation = NamespaceIncarnation(reply.incarnation)
        seen = NamespaceMark(incarnation: incarnation, commit: reply.commit)
        return mail + [.settled(incarnation)]
    }

    private func opened(
        _ keys: [ControlSigningKey], _ current: UInt64, now: Int64
    ) throws(ControlFailure) -> KeyRing {
        var ring: [SigningKey] = []
        for key in keys {
            let id = KeyID(key.keyID)
            guard let secret = seal?.open(Array(key.sealed), id: id),
                let opened = SigningKey(
                    id: id, secret: secret, made: now - Int64(clamping: key.ageMs))
            else {
                throw .malformed(
                    "its signing keys are not sealed with this cluster's secret: it is another "
                        + "cluster's namenode, or none")
            }
            ring.append(opened)
        }
        return KeyRing(ring, current: KeyID(current))
    }

    private static func mail(_ command: ControlCommand) -> Mail? {
        switch command.kind {
        case .delete:
            .delete(
                Deletion(
                    block: BlockID(command.block), epoch: Epoch(command.epoch),
                    incarnation: NamespaceIncarnation(command.incarnation),
                    content: command.sealed
                        ? Deletion.Content(length: command.length, checksum: command.crc) : nil))
        case .scrub: .scrub(command.block == 0 ? nil : BlockID(command.block))
        case .unspecified, .UNRECOGNIZED: nil
        }
    }

    /// Kinds of command in an answer that this datanode does not know. Nothing is done for them: a
    /// newer namenode repeats what matters until a newer datanode does it.
    package static func unknownKinds(in reply: ControlHeartbeatReply) -> Set<Int> {
        Set(reply.commands.filter { mail($0) == nil }.map(\.kind.rawValue))
    }

    /// An answer came: contact, and the keys that are valid now.
    private mutating func heard(_ ring: KeyRing, now: Int64) -> [Mail] {
        lastContact = now
        let wasFenced = isFenced
        isFenced = false
        return [.keys(ring)] + (wasFenced ? [.fenced(false)] : [])
    }
}
