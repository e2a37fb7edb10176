import DataPath
import Dispatch
import Glibc
import Logging

/// SIGTERM and SIGINT as a stop signal; SIGPIPE is ignored.
struct Signals {
    private let sources: [any DispatchSourceSignal]

    init(_ stop: StopSignal, _ log: Logger) {
        signal(SIGPIPE, SIG_IGN)
        sources = [SIGTERM, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                log.info("stopping", metadata: ["signal": "\(number)"])
                stop.set()
            }
            source.activate()
            return source
        }
    }

    func cancel() { for source in sources { source.cancel() } }
}
