import Foundation
import Glibc
import Wire

/// A blocking TCP connection that sends what it likes. A receive ends after 60 s at the latest, so
/// that a test of a server that does not answer fails by itself.
final class Peer {
    enum Trouble: Error, Equatable {
        case connect(Int32)
        case send(Int32)
        /// The server closed the connection.
        case closed
        case silent
    }

    private static let patience = 60
    private let descriptor: Int32
    private var decoder = ControlFrameDecoder()

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        setPatience(Self.patience)
        let result = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw Trouble.connect(errno) }
    }

    deinit { _ = close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Trouble.send(errno) }
            rest = rest.dropFirst(count)
        }
    }

    func receive() throws -> [UInt8] {
        while true {
            if let body = try decoder.next() { return body }
            var buffer = [UInt8](repeating: 0, count: 4_096)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 || (count < 0 && errno == ECONNRESET) { throw Trouble.closed }
            guard count > 0 else { throw Trouble.silent }
            decoder.append(buffer[..<count])
        }
    }

    /// Waits no longer than so many seconds from here on.
    func receiveReply(patience seconds: Int) throws -> ControlReply {
        setPatience(seconds)
        return try receiveReply()
    }

    private func setPatience(_ seconds: Int) {
        var wait = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    func receiveReply() throws -> ControlReply {
        try ControlFrame.decode(ControlReply.self, from: receive())
    }

    /// Whether the server has closed the connection, when everything it sent was taken.
    func isClosed() throws -> Bool {
        do {
            _ = try receive()
            return false
        } catch Trouble.closed {
            return true
        }
    }

    func greet(_ edit: (inout ControlHello) -> Void = { _ in }) throws -> ControlHelloReply {
        var hello = ControlHello()
        hello.protocolMin = 2
        hello.protocolMax = 2
        hello.role = .client
        edit(&hello)
        try send(ControlFrame.encode(hello))
        return try ControlFrame.decode(ControlHelloReply.self, from: receive())
    }

    func ask(
        _ operation: ControlRequest.OneOf_Operation, id: UInt64 = 1
    ) throws -> ControlReply {
        try send(Self.request(operation, id: id))
        return try receiveReply()
    }

    static func request(
        _ operation: ControlRequest.OneOf_Operation, id: UInt64
    ) throws -> [UInt8] {
        var request = ControlRequest()
        request.clientID = Data(Desk.client(1).bytes)
        request.requestID = id
        request.operation = operation
        return try ControlFrame.encode(request)
    }
}
