import Dispatch
import Glibc
import Logging

/// Runs a daemon's body: as `presenting` does a command's, but no reader of standard error can end
/// it, delay it or keep it from ending.
public func presentingDaemon(_ program: String, _ body: () throws -> Void) throws {
    // A log whose reader went away is an error of `write`, and a terminal that was closed nothing.
    for number in [SIGPIPE, SIGHUP] { signal(number, SIG_IGN) }
    defer { LogWriter.standardError.drain() }
    try presenting(program, tell: { LogWriter.standardError.write($0) }, body)
}

/// SIGTERM and SIGINT stop a daemon. SIGHUP, which asks others for their settings anew, is told
/// that it asked in vain.
public struct DaemonSignals {
    private let sources: [any DispatchSourceSignal]

    public init(_ log: Logger, stop: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "catena.signals")
        sources = [SIGTERM, SIGINT, SIGHUP].map { number in
            // Dispatch sees a signal only when its default action is off.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                if number == SIGHUP {
                    log.notice("SIGHUP changes nothing: settings are read at the start")
                } else {
                    log.info("stopping", metadata: ["signal": "\(number)"])
                    stop()
                }
            }
            source.activate()
            return source
        }
    }

    public func cancel() { for source in sources { source.cancel() } }
}
