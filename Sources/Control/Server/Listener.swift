import Dispatch
import Glibc

/// The listening socket. Its descriptor is closed in its source's cancel handler, and nowhere else.
final class Listener {
    /// Connections accepted before other events have their turn.
    private static let burst = 64

    let port: UInt16
    private let descriptor: Int32
    private let source: any DispatchSourceRead

    var onConnection: ((Int32, String) -> Void)?
    var onExhausted: ((SystemFailure) -> Void)?

    init(host: String, port: UInt16, queue: DispatchQueue) throws(SystemFailure) {
        descriptor = try Socket.listen(host: host, port: port)
        do {
            self.port = try Socket.boundPort(descriptor)
        } catch {
            _ = Glibc.close(descriptor)
            throw error
        }
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    }

    func start() {
        source.setEventHandler { [unowned self] in acceptAll() }
        source.setCancelHandler { [descriptor] in _ = Glibc.close(descriptor) }
        source.activate()
    }

    func stop() {
        source.cancel()
        onConnection = nil
        onExhausted = nil
    }

    private func acceptAll() {
        for _ in 0..<Self.burst {
            switch Socket.accept(descriptor) {
            case .connection(let accepted, let peer): onConnection?(accepted, peer)
            case .none: return
            case .exhausted(let failure):
                onExhausted?(failure)
                return
            }
        }
    }
}
