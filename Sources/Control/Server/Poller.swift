import CEpoll
import Dispatch
import Glibc
import System

/// Watches all connections through one epoll set, which is itself watched by one Dispatch source.
///
/// A source for each socket costs a wake-up, a queue hop and a re-arming system call for each
/// message. Here one hop brings every socket that is ready, and a batch of answers leaves after a
/// batch of requests.
final class Poller {
    /// Looks, each of up to 256 sockets, before other work of the queue has its turn.
    private static let rounds = 8

    private let descriptor: Int32
    private let source: any DispatchSourceRead
    private var events = [cepoll_ready](
        repeating: cepoll_ready(), count: Int(cepoll_batch))

    /// A socket is ready: its number, whether for reading, whether for writing.
    var onReady: ((UInt64, _ reads: Bool, _ writes: Bool) -> Void)?
    var onBatchBegin: (() -> Void)?
    var onBatchEnd: (() -> Void)?

    init(queue: DispatchQueue) throws(SystemFailure) {
        descriptor = cepoll_create()
        guard descriptor >= 0 else { throw SystemFailure("epoll_create1") }
        source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    }

    func start() {
        source.setEventHandler { [unowned self] in handle() }
        source.setCancelHandler { [descriptor] in _ = Glibc.close(descriptor) }
        source.activate()
    }

    func stop() {
        source.cancel()
        onReady = nil
        onBatchBegin = nil
        onBatchEnd = nil
    }

    func add(_ socket: Int32, number: UInt64) throws(SystemFailure) {
        try control(Int32(cepoll_add), socket, number, reads: true, writes: false)
    }

    /// What is waited for from now on. A socket that was added can be changed.
    func watch(_ socket: Int32, number: UInt64, reads: Bool, writes: Bool) {
        do throws(SystemFailure) {
            try control(Int32(cepoll_change), socket, number, reads: reads, writes: writes)
        } catch {
            preconditionFailure("a socket in the set can be changed: \(error)")
        }
    }

    func remove(_ socket: Int32) {
        _ = cepoll_control(descriptor, Int32(cepoll_remove), socket, 0, 0, 0)
    }

    private func control(
        _ operation: Int32, _ socket: Int32, _ number: UInt64, reads: Bool, writes: Bool
    ) throws(SystemFailure) {
        let result = cepoll_control(
            descriptor, operation, socket, number, reads ? 1 : 0, writes ? 1 : 0)
        guard result == 0 else { throw SystemFailure("epoll_ctl") }
    }

    private func handle() {
        for _ in 0..<Self.rounds {
            let count = Int(cepoll_look(descriptor, &events))
            guard count > 0 else { return }
            onBatchBegin?()
            for event in events[..<count] {
                onReady?(event.number, event.reads != 0, event.writes != 0)
            }
            onBatchEnd?()
        }
    }
}
