import FoundationEssentials
import SwiftProtobuf
import System
import Wire

/// One connection to a namenode, greeted and ready for requests. One call at a time; not
/// thread-safe.
///
/// After any thrown failure but `refused` the connection is of no more use: bytes of an answer may
/// be on their way that nobody waits for.
public final class ControlConnection {
    public struct Settings: Sendable {
        public var role: ControlRole
        /// What the caller believes to be its cluster; `nil`: whichever answers.
        public var cluster: ClusterID?
        /// Name and version, for the namenode's log.
        public var software: String
        /// Connect and HELLO together, in milliseconds.
        public var connectMilliseconds: Int64
        /// One request and its answer, in milliseconds.
        public var callMilliseconds: Int64

        public init(
            role: ControlRole, cluster: ClusterID? = nil, software: String = "catena",
            connectMilliseconds: Int64 = 5_000, callMilliseconds: Int64 = 10_000
        ) {
            self.role = role
            self.cluster = cluster
            self.software = software
            self.connectMilliseconds = connectMilliseconds
            self.callMilliseconds = callMilliseconds
        }
    }

    /// The cluster that answered.
    public let cluster: ClusterID
    /// The protocol version this connection speaks.
    public let version: UInt32
    /// 16 bytes that REGISTER's proof covers.
    public let challenge: [UInt8]

    private let socket: Socket
    private let settings: Settings
    private var decoder = ControlFrameDecoder()

    /// Connects, says HELLO and checks the answer.
    public init(_ endpoint: Endpoint, _ settings: Settings) throws(ControlFailure) {
        let deadline = Deadline(after: settings.connectMilliseconds)
        let socket = try Socket(endpoint, before: deadline)
        var decoder = ControlFrameDecoder()
        let hello = Greeting.hello(
            role: settings.role, cluster: settings.cluster, software: settings.software)
        try socket.send(try encoded(hello), before: deadline)
        let body = try nextBody(socket, &decoder, before: deadline)
        let reply = try Greeting(
            decoded(ControlHelloReply.self, from: body), expected: settings.cluster)
        cluster = reply.cluster
        version = reply.version
        challenge = reply.challenge
        self.socket = socket
        self.settings = settings
        self.decoder = decoder
    }

    /// Where the namenode answered.
    var peer: SocketAddress? { socket.peer }

    /// Sends one request and waits for its answer, at most `milliseconds` and at most what the
    /// settings say.
    /// - Parameter proof: what success must be proven with; `nil`: anybody's answer does.
    /// - Returns: a reply with code `ok`; any other code is thrown as `refused`.
    public func call(
        _ request: ControlRequest, milliseconds: Int64 = .max, proof: AnswerProof? = nil
    ) throws(ControlFailure) -> ControlReply {
        let deadline = Deadline(after: min(milliseconds, settings.callMilliseconds))
        try socket.send(try encoded(request), before: deadline)
        while true {
            let body = try nextBody(socket, &decoder, before: deadline)
            let reply = try decoded(ControlReply.self, from: body)
            guard reply.requestID == request.requestID else {
                guard reply.requestID != 0 else { throw ControlFailure(unasked: reply) }
                throw .malformed("the answer belongs to request \(reply.requestID)")
            }
            try reply.check(body, proof: proof)
            return reply
        }
    }
}

extension ControlReply {
    /// Throws when the answer is a refusal, or none that its caller can believe.
    /// - Parameters:
    ///   - body: the answer as it came.
    ///   - proof: what success must be proven with; `nil`: anybody's answer does.
    package func check(_ body: [UInt8], proof: AnswerProof?) throws(ControlFailure) {
        let isProven = proof?.isProven(body) ?? false
        guard code == .ok else {
            throw .refused(
                .init(
                    code: code, message: message, live: Int(liveNodes), needed: Int(neededNodes),
                    isProven: isProven))
        }
        guard proof == nil || isProven else {
            throw .malformed(
                "its answer does not prove this cluster's secret: it is another cluster's "
                    + "namenode, or none")
        }
    }
}

/// The most one receive takes.
private let receiveBytes = 16 << 10

private func nextBody(
    _ socket: borrowing Socket, _ decoder: inout ControlFrameDecoder, before deadline: Deadline
) throws(ControlFailure) -> [UInt8] {
    while true {
        do throws(ControlFrame.Failure) {
            if let body = try decoder.next() { return body }
        } catch {
            throw .malformed("\(error)")
        }
        decoder.append(try socket.receive(most: receiveBytes, before: deadline))
    }
}

private func encoded(_ message: some SwiftProtobuf.Message) throws(ControlFailure) -> [UInt8] {
    do throws(ControlFrame.Failure) {
        return try ControlFrame.encode(message)
    } catch {
        throw .malformed("the request does not fit a frame: \(error)")
    }
}

private func decoded<Message: SwiftProtobuf.Message>(
    _ type: Message.Type, from body: [UInt8]
) throws(ControlFailure) -> Message {
    do throws(ControlFrame.Failure) {
        return try ControlFrame.decode(type, from: body)
    } catch {
        throw .malformed("its answer cannot be read")
    }
}
