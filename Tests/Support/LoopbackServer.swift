import Glibc
import Synchronization
import System

/// A listening socket on 127.0.0.1 and a thread that runs a script for each connection in turn,
/// with its number from 0. The connection ends with the script, and all with the test that made it.
package final class LoopbackServer: Sendable {
    package let address: SocketAddress
    private let listener: ListeningSocket
    private let connections = Atomic<Int>(0)

    package var accepted: Int { connections.load(ordering: .relaxed) }

    package init(_ script: @escaping @Sendable (BlockingSocket, Int) -> Void) {
        do throws(SystemFailure) {
            guard let any = SocketAddress(host: "127.0.0.1", port: 0) else {
                preconditionFailure("a numeric address")
            }
            listener = try ListeningSocket.open(on: any, backlog: 16)
        } catch {
            preconditionFailure("a port of 127.0.0.1 is to be had: \(error)")
        }
        address = listener.address
        let listener = listener
        TestThread.detach { [weak self] in
            var number = 0
            while true {
                let descriptor = accept(listener.descriptor, nil, nil)
                guard descriptor >= 0 else { break }
                self?.connections.add(1, ordering: .relaxed)
                script(BlockingSocket(descriptor: descriptor), number)
                close(descriptor)
                number += 1
            }
            // Not in `deinit`: the number could be another socket's before this thread looks again.
            close(listener.descriptor)
        }
    }

    /// Wakes the thread out of its `accept`, which ends it.
    deinit { shutdown(listener.descriptor, CInt(SHUT_RDWR)) }
}
