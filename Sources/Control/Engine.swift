import Wire

/// The machine and its store together: what a server, a simulator or a test drives, from one queue.
package struct Engine: Sendable {
    package private(set) var namenode: Namenode
    package let store: NamespaceOverlay
    /// Mutations were applied that no commit covers yet.
    package private(set) var isDirty = false
    /// Requests whose mutations the next commit covers.
    private var openRequests: UInt64 = 0
    private var commitBegan: UInt64 = 0

    /// What came of a request.
    package struct Answer: Sendable {
        package let reply: ControlReply
        /// The reply's bytes, when they are at hand.
        package let encoded: [UInt8]?
        package let notices: [Notice]
        /// It tells nothing that a commit has yet to make true.
        package let isSettled: Bool
    }

    package init(namenode: Namenode, store: NamespaceOverlay) {
        self.namenode = namenode
        self.store = store
    }

    /// Takes up what an earlier process left; once, before anything else.
    package mutating func start(at moment: Moment) throws(StoreFailure) -> [Notice] {
        let decision = try store.view { namenode.resume(at: moment, from: $0) }.value
        try apply(decision.mutations)
        return decision.notices
    }

    /// Decides and applies. The reply may leave when the next `commit` has called back.
    package mutating func handle(
        _ request: ControlRequest, body: [UInt8]? = nil, from caller: Caller, at moment: Moment
    ) throws(StoreFailure) -> Answer {
        let ended = try endLeases(at: moment)
        let (decision, sawSettled) = try store.view {
            namenode.decide(request, body: body, from: caller, at: moment, in: $0)
        }
        let isSettled =
            decision.mutations.isEmpty && request.operation?.readsOnlyKeys == true && sawSettled
        try apply(decision.mutations)
        if !decision.mutations.isEmpty { openRequests += 1 }
        return Answer(
            reply: decision.reply, encoded: decision.encoded,
            notices: ended + decision.notices, isSettled: isSettled)
    }

    package mutating func tick(at moment: Moment) throws(StoreFailure) -> [Notice] {
        try store.checkPlace()
        let ended = try endLeases(at: moment)
        let decision = try store.view { namenode.tick(at: moment, in: $0) }.value
        try apply(decision.mutations)
        return ended + decision.notices
    }

    private mutating func endLeases(at moment: Moment) throws(StoreFailure) -> [Notice] {
        guard let ended = try store.view({ namenode.endLeases(at: moment, in: $0) }).value else {
            return []
        }
        try apply(ended.mutations)
        return ended.notices
    }

    /// - Parameter time: nanoseconds of a monotonic clock, which the commit's duration is taken
    ///   from and nothing decided by.
    package mutating func commit(
        at time: UInt64, _ done: @escaping @Sendable (Result<Void, StoreFailure>) -> Void
    ) {
        isDirty = false
        commitBegan = time
        if openRequests > 0 { namenode.counters.commitRequests.record(openRequests) }
        openRequests = 0
        store.commit(done)
    }

    /// To be called when a commit has called back with success.
    package mutating func committed(at time: UInt64) {
        namenode.counters.commitTimes.record(time &- commitBegan)
        store.committed()
    }

    /// What the shell counts itself.
    package mutating func count(_ change: (inout NamenodeCounters) -> Void) {
        change(&namenode.counters)
    }

    package mutating func liveNodes(now: Int64) -> Int { namenode.liveNodes(now: now) }

    private mutating func apply(_ mutations: [Mutation]) throws(StoreFailure) {
        guard !mutations.isEmpty else { return }
        isDirty = true
        namenode.counters.mutations &+= UInt64(mutations.count)
        try store.apply(mutations)
    }
}
