import ControlClient
import FoundationEssentials
import Glibc
import SwiftProtobuf
import Synchronization
import System
import Wire

/// A namenode that does what a test tells it, on a real socket and a thread of its own.
///
/// Connections are served one after the other; it ends with the test that made it.
final class FakeNamenode: Sendable {
    static let cluster = ClusterID(high: 1, low: 2)
    static let challenge: [UInt8] = Array(0..<16)

    let endpoint: Endpoint
    private let listener: CInt
    /// Every request that came, in order.
    private let seen = Mutex<[ControlRequest]>([])

    var requests: [ControlRequest] { seen.withLock { $0 } }

    /// One connection's server side.
    struct Peer {
        let descriptor: CInt
        let namenode: FakeNamenode

        /// The next message's bytes, or `nil` when the caller went away.
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
            _ = Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
        }

        func send(_ message: some SwiftProtobuf.Message) {
            do { send(try ControlFrame.encode(message)) } catch { preconditionFailure("\(error)") }
        }

        /// Answers HELLO the way a namenode does, changed by `change`.
        func greet(_ change: (inout ControlHelloReply) -> Void = { _ in }) -> ControlHello? {
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

        func request() -> ControlRequest? {
            guard let body = body() else { return nil }
            do {
                let request = try ControlFrame.decode(ControlRequest.self, from: body)
                namenode.seen.withLock { $0.append(request) }
                return request
            } catch {
                preconditionFailure("\(error)")
            }
        }

        /// Answers every request with what `reply` makes of it, until the caller goes.
        func serve(_ reply: (ControlRequest) -> ControlReply) {
            while let request = request() {
                var answer = reply(request)
                if answer.requestID == 0 { answer.requestID = request.requestID }
                send(answer)
            }
        }
    }

    /// - Parameter script: runs for each connection with its number, from 0; the connection ends
    ///   with it.
    init(_ script: @escaping @Sendable (Peer, Int) -> Void) {
        let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        self.listener = listener
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bare -> Bool in
                bind(listener, bare, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, bare, &length) == 0
            }
        }
        precondition(port, "a port of 127.0.0.1 is to be had")
        endpoint = Endpoint(host: "127.0.0.1", port: UInt16(bigEndian: address.sin_port))
        start(script)
    }

    private func start(_ script: @escaping @Sendable (Peer, Int) -> Void) {
        let listener = listener
        Thread.detach { [weak self] in
            var number = 0
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor != -1 else { break }
                if let self { script(Peer(descriptor: descriptor, namenode: self), number) }
                close(descriptor)
                number += 1
            }
            // Not in `deinit`: the number could be another socket's before this thread looks again.
            close(listener)
        }
    }

    /// Wakes the thread out of its `accept`, which ends it.
    deinit { shutdown(listener, CInt(SHUT_RDWR)) }
}
