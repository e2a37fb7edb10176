import Glibc
import Logging
import Synchronization

/// Runs a daemon's body: as `presenting` does a command's, but no reader of standard error can end
/// it, delay it or keep it from ending.
public func presentingDaemon(_ program: String, _ body: () throws -> Void) throws {
    // A log whose reader went away is an error of `write`, and a terminal that was closed nothing.
    for number in [SIGPIPE, SIGHUP] { signal(number, SIG_IGN) }
    defer { LogWriter.standardError.drain() }
    func watched() throws {
        try DaemonSignals.watch()
        try body()
    }
    try presenting(program, tell: { LogWriter.standardError.write($0) }, watched)
}

/// SIGTERM and SIGINT stop a daemon. SIGHUP, which asks others for their settings anew, is told
/// that it asked in vain.
public enum DaemonSignals {
    private struct Listener: Sendable {
        let log: Logger
        let stop: @Sendable () -> Void
    }

    private static let listener = Mutex<Listener?>(nil)

    /// Whom the signals stop from now on.
    public static func stopping(_ log: Logger, stop: @escaping @Sendable () -> Void) {
        listener.withLock { $0 = Listener(log: log, stop: stop) }
    }

    fileprivate static func watch() throws(ToolFailure) {
        try SignalWatch.begin([SIGTERM, SIGINT, SIGHUP]) { number in
            guard let listener = listener.withLock({ $0 }) else {
                // Nothing was begun that would have to be ended.
                if number != SIGHUP { _exit(128 + number) }
                return
            }
            if number == SIGHUP {
                listener.log.notice("SIGHUP changes nothing: settings are read at the start")
            } else {
                listener.log.info("stopping", metadata: ["signal": "\(number)"])
                listener.stop()
            }
        }
    }
}
