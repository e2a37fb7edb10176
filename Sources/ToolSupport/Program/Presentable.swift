import ControlClient

/// A failure that a tool can show: a kind for the exit code, one sentence for people, facts for
/// programs.
public protocol Presentable: Error {
    var kind: FailureKind { get }
    /// One sentence, without the program's name and without a full stop.
    var sentence: String { get }
    /// What `--json` adds to kind and sentence, such as the key or the counts.
    var facts: [(String, JSONValue)] { get }
}

extension Presentable {
    public var facts: [(String, JSONValue)] { [] }
}

extension ControlFailure: Presentable {
    public var sentence: String { description }

    public var facts: [(String, JSONValue)] {
        switch self {
        case .unreachable(let address, _), .unknownHost(let address, _):
            [("address", .string(address))]
        case .timedOut(let address, let milliseconds):
            [("address", .string(address)), ("milliseconds", .integer(milliseconds))]
        case .refused(let refusal) where refusal.code == .tooFewNodes:
            [("live", .integer(Int64(refusal.live))), ("needed", .integer(Int64(refusal.needed)))]
        case .wrongCluster(let expected, let found):
            [("expected", .string("\(expected)")), ("found", .string("\(found)"))]
        case .refused, .malformed, .wrongVersion: []
        }
    }
}

/// A failure of which the tool knows more to do than its sentence says.
public struct AdvisedFailure: Presentable {
    private let failure: any Presentable
    private let advice: String

    public init(_ failure: any Presentable, advice: String) {
        self.failure = failure
        self.advice = advice
    }

    public var kind: FailureKind { failure.kind }
    public var sentence: String { "\(failure.sentence): \(advice)" }
    public var facts: [(String, JSONValue)] { failure.facts }
}

/// A tool's own failure: a wrong argument, a file that cannot be opened.
public struct ToolFailure: Presentable, Equatable {
    public let kind: FailureKind
    public let sentence: String

    public init(_ kind: FailureKind, _ sentence: String) {
        self.kind = kind
        self.sentence = sentence
    }
}
