/// Something that goes wrong with a ring's operations of one kind, for tests with real processes.
public struct RingFault: Sendable, Equatable {
    /// Where in an operation's life it happens.
    public enum Moment: Sendable, Equatable {
        /// When it is about to be handed to the ring.
        case begin
        /// When it has completed and its owner does not know yet.
        case end
    }

    public enum Action: Sendable, Equatable {
        /// The process ends as by `kill -9`.
        case kill
        /// The process stops until somebody continues it.
        case stop
        /// The reactor's thread sleeps, and with it everything on that reactor.
        case delay(milliseconds: UInt32)
        /// The operation does not happen and completes with this errno. At `begin` only.
        case fail(errno: Int32)
        /// The operation moves about half of its bytes, as the kernel may do. At `begin` only.
        case short
    }

    public let kind: UInt8
    public let moment: Moment
    public let action: Action
    /// The first time it happens, counted from 1, and whether it happens every time from then on.
    public let first: Int
    public let repeats: Bool

    /// - Precondition: `first` is at least 1, and what changes a result happens at `begin`.
    public init(kind: UInt8, moment: Moment, action: Action, first: Int, repeats: Bool = false) {
        switch action {
        case .fail, .short:
            precondition(moment == .begin, "a result is changed before the ring has the operation")
        case .kill, .stop, .delay: break
        }
        precondition(first > 0, "faults are counted from 1")
        self.kind = kind
        self.moment = moment
        self.action = action
        self.first = first
        self.repeats = repeats
    }

    /// Whether a ring must be able to complete an operation with a given result
    /// (`RingProbe.answersNops`).
    public var needsAnswers: Bool {
        if case .fail = action { true } else { false }
    }

    /// Whether it happens the `count`th time that its place is passed.
    func happens(at count: Int) -> Bool { repeats ? count >= first : count == first }
}
