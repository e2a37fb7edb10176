import Wire

/// The namenode's decisions: a pure state machine.
///
/// `decide` takes a request, the moment, what is known of the caller and a view of the namespace,
/// and answers with a reply and the mutations that make it true. It has no clock, no I/O, and no
/// randomness but the generator it was given, so that the same code runs under a simulator. What it
/// keeps itself is soft: it can be rebuilt from registrations and reports.
package struct Namenode: Sendable {
    package let cluster: ClusterID
    package let settings: NamenodeSettings
    let secret: [UInt8]
    let locations: LocationMap
    let started: Int64

    var generator: any RandomNumberGenerator & Sendable
    package internal(set) var keys: SigningKeys
    package internal(set) var history = NamespaceHistory()
    package internal(set) var nodes: [NodeID: NodeEntry] = [:]
    package internal(set) var replicas = ReplicaMap()
    package internal(set) var leaseClocks = LeaseClocks()
    var leaseHolders = LeaseHolders()
    var answerHolders = AnswerHolders()
    /// Nodes with copies that are corrupt or stale.
    var unfitNodes: Set<NodeID> = []
    var census = Census()
    var suspicions = Suspicions()
    var opened: OpenedValues
    var chains = RecentMap<[NodeID], PreparedChain>(most: Self.preparedChains)
    /// The map's lines were compared with the nodes that came.
    var wasMapCompared = false
    /// One dead time after the start.
    var awaitedUntil: Int64
    /// When the machine last ran.
    var lastTurn: Int64
    /// Leases that stand for values that go, oldest first (`drop`).
    var dropping = Queue<LeaseID>()
    package internal(set) var counters = NamenodeCounters()
    /// Where the next tick goes on looking at deleted blocks.
    var doomedCursor = BlockID(0)

    /// - Parameters:
    ///   - secret: what datanodes prove at REGISTER, 32 bytes.
    ///   - now: monotonic milliseconds.
    package init(
        cluster: ClusterID, secret: [UInt8], settings: NamenodeSettings, locations: LocationMap,
        now: Int64, generator: any RandomNumberGenerator & Sendable
    ) {
        precondition(settings.problems.isEmpty, "settings are checked before they are used")
        self.cluster = cluster
        self.secret = secret
        self.settings = settings
        self.locations = locations
        self.generator = generator
        started = now
        opened = OpenedValues(most: settings.bounds.openedValues)
        lastTurn = now
        awaitedUntil = now + settings.deadMs
        keys = SigningKeys(
            now: now, rotationMs: settings.keyRotationMs, retiredMost: settings.bounds.retiredKeys,
            using: &self.generator)
    }

    /// Judges one request. The mutations have to be applied before the next call, all or none.
    /// - Parameter body: the request as it came over the wire, when it did.
    package mutating func decide(
        _ request: ControlRequest, body: [UInt8]? = nil, from caller: Caller, at moment: Moment,
        in store: some NamespaceReader
    ) -> Decision {
        var decision = Decision()
        do throws(Refusal) {
            guard let client = ClientID(bytes: request.clientID), request.requestID != 0 else {
                throw Refusal(.malformed, "a request has a client id of 16 bytes and an id above 0")
            }
            guard let operation = request.operation else {
                throw Refusal(.malformed, "the request names no operation this namenode knows")
            }
            counters.requests[RequestKind(operation)] &+= 1
            let name = RequestName(client: client, request: request.requestID)
            let retries =
                operation.isMutating ? Retries(name: name, request: request, body: body) : nil
            if let kept = try retries?.answer(in: store) {
                counters.firstAnswersGiven &+= 1
                decision.reply = kept
                return decision
            }
            var turn = Turn(store: store, caller: caller, client: client, moment: moment)
            decision.reply.requestID = request.requestID
            decision.reply.result = try perform(operation, &turn)
            if let retries {
                let encoded = ReplyWriter.body(decision.reply)
                retries.keep(encoded, bounds: settings.bounds, &answerHolders, in: &turn)
                decision.encoded = encoded
            }
            decision.mutations = turn.mutations
            decision.notices = turn.notices
        } catch {
            counters.refusals[error.code] &+= 1
            decision.reply = error.reply(to: request.requestID)
        }
        if let proof = answerProof(to: request.operation, from: caller) {
            decision.encoded = proof.proving(ReplyWriter.body(decision.reply))
        }
        return decision
    }

    /// Each case is in Operations, small ones beside their sisters.
    private mutating func perform(
        _ operation: ControlRequest.OneOf_Operation, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlReply.OneOf_Result {
        switch operation {
        case .register(let request): .register(try register(request, &turn))
        case .heartbeat(let request): .heartbeat(try heartbeat(request, &turn))
        case .create(let request): .create(try create(request, &turn))
        case .addBlock(let request): .addBlock(try addBlock(request, &turn))
        case .renew(let request): .renew(try renew(request, &turn))
        case .close(let request): .close(try close(request, &turn))
        case .abandon(let request): .abandon(try abandon(request, &turn))
        case .open(let request): .open(try open(request, &turn))
        case .info(let request): .info(try info(request, &turn))
        case .list(let request): .list(try list(request, &turn))
        case .delete(let request): .delete(try delete(request, &turn))
        case .rename(let request): .rename(try rename(request, &turn))
        case .clusterStatus: .clusterStatus(clusterStatus(&turn))
        case .report(let request): .report(report(request, &turn))
        case .reportBad(let request): .reportBad(try reportBad(request, &turn))
        case .scrub(let request): .scrub(try scrub(request, &turn))
        case .fsck(let request): .fsck(try fsck(request, &turn))
        case .strays(let request): .strays(try strays(request, &turn))
        }
    }
}

/// What the machine answers to one request or one tick.
package struct Decision: Sendable {
    package var reply = ControlReply()
    /// The reply's bytes, when they had to be made anyway.
    package var encoded: [UInt8]?
    package var mutations: [Mutation] = []
    package var notices: [Notice] = []

    package init() {}
}

extension ControlRequest.OneOf_Operation {
    /// Whether the answer comes from keys and sealed blocks alone, so that it may leave before a
    /// commit that is under way when none of those belongs to it.
    var readsOnlyKeys: Bool {
        switch self {
        case .open, .list: true
        default: false
        }
    }

    /// Whether success shows that the caller knows the cluster's secret.
    var provesSecret: Bool {
        switch self {
        case .register, .heartbeat: true
        default: false
        }
    }

    /// Whether a retry has to get the first answer. RENEW, REGISTER and HEARTBEAT may be done
    /// twice.
    package var isMutating: Bool {
        switch self {
        case .create, .addBlock, .close, .abandon, .delete, .rename: true
        default: false
        }
    }
}
