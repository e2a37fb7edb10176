import ControlClient
import Wire

// What the namenode says: the lease and its renewals, the chains of the next blocks, CLOSE.
extension PutMachine {
    mutating func create() {
        phase = .creating
        wait = RefusalWait(at: now, for: settings.span)
        call(.create, within: settings.span)
    }

    mutating func answered(_ call: PutCall, _ result: Result<PutAnswer, ControlFailure>) {
        switch (call, result) {
        case (.create, .success(.lease(let lease))):
            hold(lease)
            bounds = lease.bounds
            phase = .writing
        case (.renew, .success(.lease(let lease))): hold(lease)
        case (.renew, .failure(let failure)): notRenewed(failure)
        case (.plan(let wish), .success(.plans(let plans))): planned(wish, plans)
        case (.plan(let wish), .failure(let failure)): notPlanned(wish, failure)
        case (.close(let places, true), .success):
            listed = places.upperBound
            isListing = false
        case (.close(_, false), .success): finish()
        case (.create, .failure(let failure)), (.close, .failure(let failure)):
            wasRefused(call, failure)
        case (.abandon, _): abandoned(result)
        case (_, .success): preconditionFailure("an answer of the call's kind")
        }
    }

    // MARK: Refusals

    private mutating func wasRefused(_ call: PutCall, _ failure: ControlFailure) {
        guard let pause = wait.pause(after: failure, at: now) else {
            // A refusal is its word that the value is not stored.
            if case .refused = failure { mayBeStored = false }
            return fail(.call(failure))
        }
        if wait.isToBeTold(at: now) { actions.append(.waiting(failure)) }
        refused = (call, now + pause)
    }

    mutating func repeatIfDue() {
        guard let (again, until) = refused, now >= until else { return }
        refused = nil
        call(again, within: wait.rest(at: now))
    }

    // MARK: The lease

    /// Renewed when a third of its time has passed.
    private mutating func hold(_ lease: Lease) {
        isRenewing = false
        self.lease = lease
        renewAt = now + third(of: lease)
    }

    private func third(of lease: Lease) -> UInt64 {
        min(lease.milliseconds, 1 << 32) * 1_000_000 / 3
    }

    /// Not while a CLOSE is under way, which ends the lease.
    var canRenew: Bool {
        guard !isRenewing else { return false }
        return switch phase {
        case .writing: true
        case .closing: refused != nil
        case .idle, .creating, .abandoning, .over: false
        }
    }

    mutating func renewIfDue() {
        guard canRenew, now >= renewAt else { return }
        isRenewing = true
        call(.renew, within: min(settings.span, Self.shortCall))
    }

    /// A namenode that does not answer is asked again later; only its own word ends the lease.
    private mutating func notRenewed(_ failure: ControlFailure) {
        isRenewing = false
        if let lease { renewAt = now + third(of: lease) / 3 }
        // A CLOSE that was made meanwhile ends the lease, and says so itself.
        guard case .writing = phase else { return }
        guard failure.canPass(wasAnswered: true) else { return fail(.call(failure)) }
    }

    // MARK: Chains

    /// How long the next block is to become; `nil`: as the namenode plans.
    var blockBytes: UInt64? {
        guard let bounds else { return settings.blockBytes }
        return BlockLength.next(
            wanted: settings.blockBytes, total: settings.supply.expected, begun: blocks.count,
            bounds: bounds)
    }

    /// A plan's token runs from when it was planned, and its nodes were live then.
    mutating func dropStalePlans() {
        guard !planned.isEmpty, now - plannedAt > Self.planLife else { return }
        // What was not used stays open until CLOSE, and a value has a bounded number of blocks.
        planCount = max(1, planCount - planned.count)
        planned = []
    }

    /// What was planned ahead may need a node that failed.
    mutating func dropPlans() {
        planned = []
        planCount = 1
        asked?.isStale = true
    }

    mutating func takePlan() -> BlockPlan? {
        dropStalePlans()
        guard !planned.isEmpty else { return nil }
        if planned.count == 1 { planCount = min(Self.mostPlanned, planCount * 2) }
        return planned.removeFirst()
    }

    /// A block that waits for another chain comes first.
    mutating func planIfDue() {
        guard case .writing = phase, asked == nil, planAt ?? 0 <= now else { return }
        planAt = nil
        let wish: PlanWish
        if let block = writing.first(where: \.isUnplanned) {
            wish = PlanWish(
                order: block.order, isReplacement: true, count: 1, longest: block.plan.maxLength,
                bytes: block.length ?? 0, exclude: planning.excluded)
        } else if needsPlan {
            let rest = settings.supply.expected.map { $0 - min($0, taken) } ?? 0
            wish = PlanWish(
                order: blocks.count, isReplacement: false, count: planCount,
                longest: blockBytes ?? 0, bytes: rest, exclude: planning.excluded)
        } else {
            return
        }
        asked = (wish, now, false)
        call(.plan(wish), within: min(settings.span, Self.shortCall))
    }

    /// Whether the next block has no chain and will need one: a writer that makes use of many plans
    /// asks while the block before is filled, a slow one when it is.
    private var needsPlan: Bool {
        guard planned.isEmpty, !isExhausted else { return false }
        return switch settings.supply {
        case .again: planCount > 1 || writing.allSatisfy(\.isFilled)
        case .once: peeked != nil
        }
    }

    private mutating func planned(_ wish: PlanWish, _ plans: [BlockPlan]) {
        guard case .writing = phase, let (_, since, isStale) = asked else { return }
        asked = nil
        unansweredSince = nil
        planning.planned()
        if wish.isReplacement {
            // Its chain may have the node that failed meanwhile: another one is asked for at once.
            guard !isStale else { return }
            guard let place = writing.firstIndex(where: { $0.order == wish.order }) else { return }
            replaced(place, plans[0])
        } else if !isStale {
            planned = plans
            plannedAt = since
        }
    }

    private mutating func notPlanned(_ wish: PlanWish, _ failure: ControlFailure) {
        guard case .writing = phase, let (_, since, _) = asked else { return }
        asked = nil
        let code: ControlCode =
            switch failure {
            case .refused(let refusal): refusal.code
            // The namenode may be on its way back.
            case .unreachable, .timedOut: .busy
            case .unknownHost, .malformed, .wrongCluster, .wrongVersion: .internal
            }
        let isOver = patience.isOver(at: now, after: now - since)
        guard let pause = planning.pause(after: code, isOver: isOver) else {
            return fail(.call(failure))
        }
        planAt = now + pause
        sayWaiting(failure, since: since)
    }

    /// A refusal is no silence: other nodes may do.
    private mutating func sayWaiting(_ failure: ControlFailure, since: UInt64) {
        if case .refused = failure {
            unansweredSince = nil
            return
        }
        let start = unansweredSince ?? since
        let isDue = start < .max && now - start >= Self.untold
        if isDue { actions.append(.waiting(failure)) }
        unansweredSince = isDue ? .max : start
    }

    // MARK: CLOSE

    /// Lists many blocks before the last CLOSE, which has room for so many. A namenode that gave no
    /// bounds would take the first part for the whole.
    mutating func listIfMany() {
        guard case .writing = phase, bounds != nil, !isListing else { return }
        let ready = blocks[listed...].prefix { $0 != nil }.count
        guard ready >= Self.mostListed else { return }
        isListing = true
        wait = RefusalWait(at: now, for: settings.span)
        call(.close(listed..<listed + ready, more: true), within: settings.span)
    }
}
