import System
import Wire

/// Why a control call brought no answer, or which refusal it brought.
public enum ControlFailure: Error, Equatable, Sendable {
    /// No connection, or the connection ended before the answer. `reason` is the system's sentence.
    case unreachable(address: String, reason: String)
    /// The host's name has no address. `reason` is the resolver's sentence.
    case unknownHost(address: String, reason: String)
    /// Connected, but nothing came within the deadline.
    case timedOut(address: String, milliseconds: Int64)
    /// The namenode understood the request and refused it.
    case refused(Refusal)
    /// The peer does not speak the control protocol, or this build does not understand its answer.
    case malformed(String)
    case wrongCluster(expected: ClusterID, found: ClusterID)
    /// No protocol version in common; the peer's sentence.
    case wrongVersion(String)

    /// A refusal as the namenode gave it.
    public struct Refusal: Equatable, Sendable {
        public let code: ControlCode
        /// A sentence for people.
        public let message: String
        /// With `tooFewNodes`: how many datanodes are live, and how many are needed.
        public let live: Int
        public let needed: Int
        /// The answer showed that its sender knows the cluster's secret.
        public let isProven: Bool

        public init(
            code: ControlCode, message: String, live: Int = 0, needed: Int = 0,
            isProven: Bool = false
        ) {
            self.isProven = isProven
            self.code = code
            self.message = message
            self.live = live
            self.needed = needed
        }
    }

    package init(_ failure: DialFailure) {
        self =
            switch failure {
            case .unreachable(let address, let reason):
                .unreachable(address: address, reason: reason)
            case .unknownHost(let address, let reason):
                .unknownHost(address: address, reason: reason)
            case .timedOut(let address, let milliseconds):
                .timedOut(address: address, milliseconds: milliseconds)
            }
    }

    /// A reply with request id 0: how a namenode says that it ends the connection, because it is
    /// busy or could not read a frame.
    package init(unasked reply: ControlReply) {
        self =
            reply.code == .busy
            ? .refused(Refusal(code: .busy, message: reply.message))
            : .malformed("it said: \(reply.message)")
    }
}

extension ControlFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .unreachable(let address, let reason):
            "cannot reach the namenode at \(address) (\(reason)): is it running there?"
        case .unknownHost(let address, let reason):
            "the namenode's name in \(address) has no address (\(reason)): is it spelt right?"
        case .timedOut(let address, let milliseconds):
            "the namenode at \(address) did not answer within \(milliseconds) ms: try again later"
        case .refused(let refusal):
            refusal.message.isEmpty
                ? "the namenode refused the request (\(refusal.code))" : refusal.message
        case .malformed(let what):
            "what answered is not a namenode that this program understands (\(what))"
        case .wrongCluster(let expected, let found):
            "the namenode is of cluster \(found), and cluster \(expected) was expected"
        case .wrongVersion(let message):
            "the namenode speaks another protocol version (\(message)): install matching ones"
        }
    }

    /// A line for who sits at a terminal while a call goes on in spite of this.
    public func waiting(for namenode: Endpoint) -> String {
        let reason =
            switch self {
            case .unreachable(_, let reason), .unknownHost(_, let reason): reason
            case .timedOut: "it does not answer"
            case .refused, .malformed, .wrongCluster, .wrongVersion: description
            }
        return "waiting for the namenode at \(namenode): \(reason)"
    }

    public var kind: FailureKind {
        switch self {
        case .unreachable, .unknownHost, .timedOut: .unavailable
        case .refused(let refusal): FailureKind(refusal.code)
        case .malformed, .wrongVersion: .unavailable
        case .wrongCluster: .configuration
        }
    }
}
