import Foundation
import Glibc
import Reactor
import Synchronization
import System

/// A listening socket on 127.0.0.1 and a thread that runs `script` for each connection in turn,
/// with its number from 0. It ends when the peer is dropped.
final class ScriptedPeer: Sendable {
    let address: SocketAddress
    private let listener: Int32
    private let connections = Atomic<Int>(0)

    var accepted: Int { connections.load(ordering: .relaxed) }

    init(_ script: @escaping @Sendable (Int, PeerSocket) -> Void) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                precondition(bind(listener, $0, length) == 0 && listen(listener, 8) == 0)
                precondition(getsockname(listener, $0, &length) == 0)
            }
        }
        let port = UInt16(bigEndian: address.sin_port)
        self.listener = listener
        self.address = SocketAddress(host: "127.0.0.1", port: port)!
        Thread { [weak self] in
            var number = 0
            while true {
                let accepted = accept(listener, nil, nil)
                guard accepted >= 0 else { break }
                self?.connections.add(1, ordering: .relaxed)
                var patience = timeval(tv_sec: PeerSocket.patience, tv_usec: 0)
                setsockopt(
                    accepted, SOL_SOCKET, SO_RCVTIMEO, &patience,
                    socklen_t(MemoryLayout<timeval>.size))
                script(number, PeerSocket(descriptor: accepted))
                close(accepted)
                number += 1
            }
            close(listener)
        }.start()
    }

    deinit {
        // Every accept ends with it, and then the thread closes the descriptor: closed here, its
        // number would be another peer's while this script still accepts on it.
        shutdown(listener, Int32(SHUT_RDWR))
    }
}
