import Control
import Dispatch
import Glibc
import Logging

/// Puts the namenode together and waits for its end.
enum NamenodeService {
    typealias Server = NamenodeServer<MemoryStore>

    static func server(
        _ directory: NamespaceDirectory, settings: NamenodeSettings, map: LocationMap, log: Logger
    ) -> Server {
        let namenode = Namenode(
            cluster: directory.cluster, secret: directory.secret, settings: settings,
            locations: map, now: MonotonicClock.milliseconds(),
            generator: SystemRandomNumberGenerator())
        return NamenodeServer(
            engine: Engine(namenode: namenode, store: MemoryStore()), log: log,
            onFailure: { _ in exit(EX_IOERR) })
    }

    /// Serves until SIGTERM or SIGINT, then lets answers that are on their way leave.
    static func waitForSignal(stopping server: Server, log: Logger) {
        let done = DispatchSemaphore(value: 0)
        let queue = DispatchQueue(label: "catena.signals")
        let sources = [SIGTERM, SIGINT].map { number in
            // Dispatch sees a signal only when its default action is off.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                log.info("stopping", metadata: ["signal": "\(number)"])
                server.stop { done.signal() }
            }
            source.activate()
            return source
        }
        done.wait()
        for source in sources { source.cancel() }
        log.info("stopped")
    }
}
