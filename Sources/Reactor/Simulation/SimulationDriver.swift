/// One actor of a simulation: a reactor and the rooms on it.
public protocol SimulationParticipant: AnyObject {
    /// One turn of the reactor with `waitUntil` at the world's time, everything it gave handled,
    /// deadlines and mailboxes included.
    /// - Returns: whether anything was done.
    func turn() -> Bool

    /// When this actor wants a turn though nothing completes; `nil` when it has no deadline.
    var nextDeadline: UInt64? { get }
}

/// Drives many reactors on one thread: turns for everybody until nobody has anything to do, then
/// the clock moves to the next event or the nearest deadline.
public final class SimulationDriver {
    public enum End: Equatable, Sendable {
        /// The condition held.
        case done
        /// No event and no deadline is left: nothing can happen any more.
        case stuck
        /// The time or the number of rounds is used up.
        case outOfTime
    }

    public let world: SimulatedWorld
    public private(set) var participants: [any SimulationParticipant] = []

    public init(_ world: SimulatedWorld) { self.world = world }

    public func add(_ participant: any SimulationParticipant) { participants.append(participant) }

    /// Takes an actor out, as when its node was killed; drop it to end its ring.
    public func remove(_ participant: any SimulationParticipant) {
        participants.removeAll { $0 === participant }
    }

    private var nearestDeadline: UInt64? {
        var nearest: UInt64?
        for participant in participants {
            if let next = participant.nextDeadline { nearest = min(next, nearest ?? next) }
        }
        return nearest
    }

    /// Runs until `condition` holds, which is asked after every actor's turn: the place for
    /// checkers.
    /// - Parameters:
    ///   - span: nanoseconds of virtual time.
    ///   - rounds: a bound on turns of everybody, against actors that are busy for ever.
    public func run(
        for span: UInt64, rounds: Int = 1_000_000, until condition: () -> Bool = { false }
    ) -> End {
        let end = world.time + span
        for _ in 0..<rounds {
            var isBusy = false
            let first =
                world.faults.shufflesTurns && !participants.isEmpty
                ? world.random.below(participants.count) : 0
            let present = participants
            for place in present.indices {
                if present[(first + place) % present.count].turn() { isBusy = true }
                if condition() { return .done }
            }
            guard !isBusy, !world.isBusy else { continue }
            guard world.time < end else { return .outOfTime }
            let deadline = nearestDeadline
            guard world.hasEvents || deadline != nil else { return .stuck }
            world.advance(until: min(end, deadline ?? end))
        }
        return .outOfTime
    }
}
