import Glibc
import Load
import ToolSupport

/// An interrupted load ends what is under way and shows what it has measured. Interrupted again, it
/// ends at once.
enum Interruption {
    static func watch(_ flag: CancelFlag) throws(ToolFailure) {
        try SignalWatch.begin([SIGINT, SIGTERM]) { number in
            if flag.cancel() { _exit(128 + number) }
        }
    }
}
