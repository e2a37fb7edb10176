import Dispatch
import Glibc

/// Removes a file when the user interrupts the command, and then ends it.
enum Interruption {
    /// Ends with 128 + the signal's number, as a shell shows an interrupted command.
    static func remove(_ path: String) {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                // A source that nobody holds is cancelled: its own handler holds it.
                withExtendedLifetime(source) { _ = unlink(path) }
                _exit(128 + number)
            }
            source.activate()
        }
    }
}
