import Glibc
import Synchronization
import ToolSupport

/// Tidies up when the user interrupts the command, and then ends it.
enum Interruption {
    private static let work = Mutex<(@Sendable () -> Void)?>(nil)

    /// From now on an interrupted command tidies up and ends with 128 + the signal's number, as a
    /// shell shows it. A signal that was ignored when the command began (nohup) stays so.
    static func watch() throws(ToolFailure) {
        try SignalWatch.begin([SIGINT, SIGTERM, SIGHUP], keepsIgnored: true) { number in
            // Under the lock to the end: nothing is made any more.
            work.withLock { work -> Void in
                work?()
                _exit(128 + number)
            }
        }
    }

    static var hasWork: Bool { work.withLock { $0 != nil } }

    /// Makes what is to be tidied up. An interruption comes before both or after both, so that
    /// nothing is made that stays.
    static func tidy<Made: Sendable, Failure: Error>(
        making make: () throws(Failure) -> Made, _ tidy: @escaping @Sendable (Made) -> Void
    ) throws(Failure) -> Made {
        try work.withLock { work throws(Failure) in
            let made = try make()
            work = { tidy(made) }
            return made
        }
    }

    /// What there is to tidy up.
    static func tidy(_ work: @escaping @Sendable () -> Void) {
        self.work.withLock { $0 = work }
    }
}
