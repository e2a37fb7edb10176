import Glibc
import Load
import System
import ToolSupport

/// An interrupted load ends what is under way and shows what it has measured. Interrupted again, it
/// ends at once.
enum Interruption {
    static func watch(_ flag: StopSignal) throws(ToolFailure) {
        try SignalWatch.begin([SIGINT, SIGTERM]) { number in
            if flag.set() { _exit(128 + number) }
        }
    }
}
