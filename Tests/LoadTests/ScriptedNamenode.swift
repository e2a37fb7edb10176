import ControlClient
import FoundationEssentials
import Glibc
import Reactor
import SwiftProtobuf
import System
import Wire

/// A namenode that does what a test tells it: one connection on 127.0.0.1 and a thread of its own.
final class ScriptedNamenode: Sendable {
    static let cluster = ClusterID(high: 1, low: 2)

    let endpoint: Endpoint
    private let thread: ReactorThread
    private let listener: ListeningSocket

    /// The server's side of the connection.
    struct Peer {
        let descriptor: Int32

        func body() -> [UInt8]? {
            guard let head = take(4) else { return nil }
            return take((0..<4).reduce(0) { $0 | Int(head[$1]) << ($1 * 8) })
        }

        private func take(_ count: Int) -> [UInt8]? {
            var bytes: [UInt8] = []
            while bytes.count < count {
                var buffer = [UInt8](repeating: 0, count: count - bytes.count)
                let got = recv(descriptor, &buffer, buffer.count, 0)
                if got <= 0 { return nil }
                bytes += buffer.prefix(got)
            }
            return bytes
        }

        func send(_ bytes: [UInt8]) {
            _ = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }

        func send(_ message: some SwiftProtobuf.Message) {
            do { send(try ControlFrame.encode(message)) } catch { preconditionFailure("\(error)") }
        }

        /// Answers HELLO the way a namenode does.
        func greet(as cluster: ClusterID = ScriptedNamenode.cluster) -> Bool {
            guard body() != nil else { return false }
            var reply = ControlHelloReply()
            reply.protocol = ControlFrame.versions.upperBound
            reply.clusterID = Data(cluster.bytes)
            send(reply)
            return true
        }

        func request() -> ControlRequest? {
            guard let body = body() else { return nil }
            do { return try ControlFrame.decode(ControlRequest.self, from: body) } catch {
                preconditionFailure("\(error)")
            }
        }

        func answer(_ request: ControlRequest, _ change: (inout ControlReply) -> Void = { _ in }) {
            var reply = ControlReply()
            reply.requestID = request.requestID
            change(&reply)
            send(reply)
        }
    }

    init(_ script: @escaping @Sendable (Peer) -> Void) throws {
        guard let address = SocketAddress(host: "127.0.0.1", port: 0) else {
            preconditionFailure("a numeric address")
        }
        let listener = try ListeningSocket.open(on: address, backlog: 1)
        self.listener = listener
        endpoint = Endpoint(host: "127.0.0.1", port: listener.address.port)
        thread = try ReactorThread("namenode") {
            let descriptor = accept(listener.descriptor, nil, nil)
            guard descriptor >= 0 else { return }
            script(Peer(descriptor: descriptor))
            close(descriptor)
        }
    }

    deinit {
        shutdown(listener.descriptor, Int32(SHUT_RDWR))
        thread.join()
        close(listener.descriptor)
    }
}
