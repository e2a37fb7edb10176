import FoundationEssentials
import Synchronization
import System
import Wire

/// Calls with one client id and counted request ids over whatever connection there is.
///
/// What time can mend (`CallRetry`) is waited for within a total deadline: a lost connection is
/// made again, and the *same* request id is sent again. The namenode answers a repeated id with the
/// first answer, so a mutation happens once (docs/PROTOCOL.md section 2). Calls from several
/// threads take turns.
public final class ControlCaller: Sendable {
    public struct Retry: Sendable {
        /// All tries of one call together, in milliseconds.
        public var totalMilliseconds: Int64
        /// The pause after the first failed try; it doubles up to `longestPause`. Milliseconds.
        public var pause: Int64
        public var longestPause: Int64
        /// Called once in a call that waits for longer than `patientMilliseconds`, with what it
        /// waits for.
        public var waiting: (@Sendable (ControlFailure) -> Void)?
        public static let patientMilliseconds: Int64 = 1_000

        public init(
            totalMilliseconds: Int64 = 20_000, pause: Int64 = 50, longestPause: Int64 = 1_000
        ) {
            self.totalMilliseconds = totalMilliseconds
            self.pause = pause
            self.longestPause = longestPause
        }
    }

    public let endpoint: Endpoint
    public let client: ClientID
    private let settings: ControlConnection.Settings
    private let retry: Retry
    private let state: Mutex<State>

    private struct State {
        var connection: ControlConnection?
        /// Learned from the first greeting: a later connection must find the same cluster.
        var cluster: ClusterID?
        var lastRequest: UInt64 = 0
        var wasAnswered = false
    }

    /// Connects at the first call.
    public init(
        _ endpoint: Endpoint, client: ClientID = .random(), settings: ControlConnection.Settings,
        retry: Retry = Retry()
    ) {
        self.endpoint = endpoint
        self.client = client
        self.settings = settings
        self.retry = retry
        state = Mutex(State(cluster: settings.cluster))
    }

    /// The cluster, connecting when that is not known yet.
    public func cluster() throws(ControlFailure) -> ClusterID {
        try state.withLock { state throws(ControlFailure) in
            if let cluster = state.cluster { return cluster }
            return try connect(&state, before: Deadline(after: retry.totalMilliseconds)).cluster
        }
    }

    /// Where the namenode that is connected now answered, and of which cluster it is.
    package var peer: (address: SocketAddress, cluster: ClusterID)? {
        state.withLock { state in
            guard let connection = state.connection, let address = connection.peer else {
                return nil
            }
            return (address, connection.cluster)
        }
    }

    /// Who this program says it is.
    package var software: String { settings.software }

    /// Sends one operation, retrying as the type describes.
    /// - Parameters:
    ///   - limit: of all tries together, milliseconds; `nil`: as `Retry` says.
    ///   - waitsForRefusals: a refusal that may pass is waited for too; otherwise it is told at
    ///     once.
    /// - Returns: a reply with code `ok`.
    public func call(
        _ operation: ControlRequest.OneOf_Operation, limit: Int64? = nil,
        waitsForRefusals: Bool = true
    ) throws(ControlFailure) -> ControlReply {
        let deadline = Deadline(
            after: min(limit ?? retry.totalMilliseconds, retry.totalMilliseconds))
        return try state.withLock { state throws(ControlFailure) in
            state.lastRequest += 1
            var request = ControlRequest()
            request.clientID = Data(client.bytes)
            request.requestID = state.lastRequest
            request.operation = operation
            return try send(request, before: deadline, waitsForRefusals, &state)
        }
    }

    /// A namenode has greeted: it may have done what it was asked in a call that failed.
    public var wasGreeted: Bool { state.withLock { $0.cluster != nil } }

    /// Drops the connection; the next call makes another one.
    public func disconnect() {
        state.withLock { $0.connection = nil }
    }

    private func send(
        _ request: ControlRequest, before deadline: Deadline, _ waitsForRefusals: Bool,
        _ state: inout State
    ) throws(ControlFailure) -> ControlReply {
        var again = CallRetry(pause: retry.pause, longest: retry.longestPause)
        var isTold = false
        while true {
            let pause: Int64
            do throws(ControlFailure) {
                let connection = try connect(&state, before: deadline)
                let reply = try connection.call(request, milliseconds: deadline.remaining)
                state.wasAnswered = true
                return reply
            } catch {
                if error.keepsConnection {
                    state.wasAnswered = true
                    guard waitsForRefusals else { throw error }
                } else {
                    state.connection = nil
                }
                guard let next = again.pause(after: error, wasAnswered: state.wasAnswered),
                    deadline.remaining > next
                else { throw again.told(error) }
                pause = next
                let waited = deadline.duration - deadline.remaining
                if waited >= Retry.patientMilliseconds, !isTold {
                    isTold = true
                    retry.waiting?(error)
                }
            }
            Deadline.sleep(milliseconds: pause)
        }
    }

    private func connect(
        _ state: inout State, before deadline: Deadline
    ) throws(ControlFailure) -> ControlConnection {
        if let connection = state.connection { return connection }
        var wanted = settings
        wanted.connectMilliseconds = min(wanted.connectMilliseconds, deadline.remaining)
        wanted.cluster = state.cluster
        let connection = try ControlConnection(endpoint, wanted)
        state.connection = connection
        state.cluster = connection.cluster
        return connection
    }
}
