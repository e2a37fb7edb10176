import ControlClient
import Wire

/// The calls of one put or get, one after another over its client's caller. The machine judges
/// refusals itself, so the caller tells each at once.
struct CallQueue<Purpose> {
    /// How long a word that nothing rests on is tried to be said, nanoseconds.
    static var shortCall: UInt64 { 5_000_000_000 }

    private var waiting:
        [(purpose: Purpose, operation: ControlRequest.OneOf_Operation, within: UInt64)] = []
    private var asked: Purpose?

    var isEmpty: Bool { waiting.isEmpty && asked == nil }

    mutating func add(
        _ purpose: Purpose, _ operation: ControlRequest.OneOf_Operation, within: UInt64
    ) {
        waiting.append((purpose, operation, within))
    }

    /// Begins the next call when the one before is over.
    /// - Returns: whether it began one.
    mutating func beginNext(_ caller: SimulatedCaller) -> Bool {
        guard asked == nil, caller.isIdle, !waiting.isEmpty else { return false }
        let next = waiting.removeFirst()
        asked = next.purpose
        caller.call(next.operation, waitsForRefusals: false, within: next.within)
        return true
    }

    /// What a finished call brought, once.
    mutating func takeAnswer(
        _ caller: SimulatedCaller
    ) -> (purpose: Purpose, result: Result<ControlReply, ControlFailure>)? {
        guard let purpose = asked, let answer = caller.takeAnswer() else { return nil }
        asked = nil
        return (purpose, answer.result)
    }
}
