import Dispatch
import Glibc

/// Tidies up when the user interrupts the command, and then ends it.
enum Interruption {
    /// Removes a file that is not whole.
    static func remove(_ path: String) { tidy { _ = unlink(path) } }

    /// Runs `work` on a signal and ends with 128 + its number, as a shell shows an interrupted
    /// command. A signal that was ignored when the command began (nohup) stays so.
    static func tidy(_ work: @escaping @Sendable () -> Void) {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let before = signal(number, SIG_IGN)
            guard unsafeBitCast(before, to: Int.self) != unsafeBitCast(SIG_IGN, to: Int.self) else {
                continue
            }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                // A source that nobody holds is cancelled: its own handler holds it.
                withExtendedLifetime(source) { work() }
                _exit(128 + number)
            }
            source.activate()
        }
    }
}
