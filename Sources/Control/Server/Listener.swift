import Dispatch
import Glibc
import System

/// The listening socket. Its descriptor is closed in its source's cancel handler, and nowhere else.
final class Listener {
    /// Connections accepted before other events have their turn.
    private static let burst = 64
    /// Connections the kernel may hold before they are accepted.
    private static let backlog: Int32 = 512

    let port: UInt16
    private let descriptor: Int32
    private let source: any DispatchSourceRead
    private var isPaused = false

    var onConnection: ((ServerSocket.Arrival) -> Void)?
    var onExhausted: ((SystemFailure) -> Void)?

    init(host: String, port: UInt16, queue: DispatchQueue) throws(SystemFailure) {
        guard let wanted = SocketAddress(host: host, port: port) else {
            throw SystemFailure("listen on \(host), not a numeric address", code: EINVAL)
        }
        let listening = try ListeningSocket.open(
            on: wanted, backlog: Self.backlog, flags: Int32(SOCK_NONBLOCK.rawValue))
        descriptor = listening.descriptor
        self.port = listening.address.port
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    }

    func start() {
        source.setEventHandler { [unowned self] in acceptAll() }
        source.setCancelHandler { [descriptor] in _ = Glibc.close(descriptor) }
        source.activate()
    }

    /// Accepts nothing until `resume`: a listener that cannot accept would be told of the same
    /// caller for ever.
    func pause() {
        guard !isPaused else { return }
        isPaused = true
        source.suspend()
    }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        source.resume()
    }

    func stop() {
        // A suspended source never runs its cancel handler.
        resume()
        source.cancel()
        onConnection = nil
        onExhausted = nil
    }

    private func acceptAll() {
        for _ in 0..<Self.burst {
            switch ServerSocket.accept(descriptor) {
            case .connection(let arrival): onConnection?(arrival)
            case .none: return
            case .exhausted(let failure):
                onExhausted?(failure)
                return
            }
        }
    }
}
