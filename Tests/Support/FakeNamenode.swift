import FoundationEssentials
import SwiftProtobuf
import Synchronization
import System
import Wire

/// A namenode that does what a test tells it, on a real socket and a thread of its own.
///
/// Connections are served one after the other; it ends with the test that made it.
package final class FakeNamenode: Sendable {
    package static let cluster = ClusterID(high: 1, low: 2)
    package static let challenge: [UInt8] = Array(0..<16)

    fileprivate final class Requests: Sendable {
        let seen = Mutex<[ControlRequest]>([])
    }

    package let endpoint: Endpoint
    private let server: LoopbackServer
    /// Every request that came, in order.
    private let taken = Requests()

    package var requests: [ControlRequest] { taken.seen.withLock { $0 } }

    /// - Parameter script: runs for each connection with its number, from 0; the connection ends
    ///   with it.
    package init(_ script: @escaping @Sendable (Peer, Int) -> Void) {
        let taken = taken
        server = LoopbackServer { socket, number in
            script(Peer(socket: socket, taken: taken), number)
        }
        endpoint = Endpoint(host: "127.0.0.1", port: server.address.port)
    }

    /// One connection's server side.
    package struct Peer {
        private let socket: BlockingSocket
        private let taken: Requests

        fileprivate init(socket: BlockingSocket, taken: Requests) {
            self.socket = socket
            self.taken = taken
        }

        package var descriptor: CInt { socket.descriptor }

        /// The next message's bytes, or `nil` when the caller went away.
        package func body() -> [UInt8]? {
            guard let head = socket.receive(4) else { return nil }
            return socket.receive((0..<4).reduce(0) { $0 | Int(head[$1]) << ($1 * 8) })
        }

        package func send(_ bytes: [UInt8]) { socket.send(bytes) }

        package func send(_ message: some SwiftProtobuf.Message) {
            do { send(try ControlFrame.encode(message)) } catch { preconditionFailure("\(error)") }
        }

        /// Answers HELLO the way a namenode does, changed by `change`.
        package func greet(
            _ change: (inout ControlHelloReply) -> Void = { _ in }
        ) -> ControlHello? {
            guard let body = body() else { return nil }
            var reply = ControlHelloReply()
            reply.protocol = ControlFrame.versions.upperBound
            reply.clusterID = Data(FakeNamenode.cluster.bytes)
            reply.challenge = Data(FakeNamenode.challenge)
            change(&reply)
            send(reply)
            do {
                return try ControlFrame.decode(ControlHello.self, from: body)
            } catch {
                preconditionFailure("\(error)")
            }
        }

        package func request() -> ControlRequest? {
            guard let body = body() else { return nil }
            do {
                let request = try ControlFrame.decode(ControlRequest.self, from: body)
                taken.seen.withLock { $0.append(request) }
                return request
            } catch {
                preconditionFailure("\(error)")
            }
        }

        package func answer(
            _ request: ControlRequest, _ change: (inout ControlReply) -> Void = { _ in }
        ) {
            var reply = ControlReply()
            reply.requestID = request.requestID
            change(&reply)
            send(reply)
        }

        /// Answers every request with what `reply` makes of it, until the caller goes.
        package func serve(_ reply: (ControlRequest) -> ControlReply) {
            while let request = request() {
                var answer = reply(request)
                if answer.requestID == 0 { answer.requestID = request.requestID }
                send(answer)
            }
        }
    }
}
