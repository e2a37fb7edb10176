import Glibc
import System

/// A fault at a named place of the server, for tests with real processes: `POINT:ACTION:NTH`.
///
/// Points are `OPERATION-before-commit` and `OPERATION-after-commit-before-reply` for create,
/// addblock, close, abandon, delete, rename and register, and `commit`. Actions are `kill`, `stop`,
/// `delay=MS`, and for `commit` also `errno`: the commit fails as if the disk had. The fault
/// happens when the point is passed for the NTH time, once.
package struct FaultPoint: Sendable {
    package enum Action: Sendable, Equatable {
        case kill, stop, fail
        case delay(milliseconds: UInt32)
    }

    package let point: String
    package let action: Action
    private var left: Int

    private static let operations = [
        "create", "addblock", "close", "abandon", "delete", "rename", "register",
    ]

    /// `nil` when it names no point, action or count that there is.
    package init?(_ text: String) {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let nth = Int(parts[2]), nth > 0 else { return nil }
        point = parts[0]
        left = nth
        let places = Self.operations.flatMap {
            ["\($0)-before-commit", "\($0)-after-commit-before-reply"]
        }
        guard point == "commit" || places.contains(point) else { return nil }
        switch parts[1] {
        case "kill": action = .kill
        case "stop": action = .stop
        case "errno" where point == "commit": action = .fail
        default:
            let delay = parts[1].split(separator: "=")
            guard delay.count == 2, delay[0] == "delay", let time = UInt32(delay[1]),
                time <= 60_000
            else { return nil }
            action = .delay(milliseconds: time)
        }
    }

    package static let failure = StoreFailure("commit: \(SystemFailure("fsync", code: EIO))")

    mutating func pass(_ place: String) {
        if isDue(place) { act() }
    }

    /// A commit is over; whether it is to count as failed.
    mutating func failsCommit() -> Bool {
        guard isDue("commit") else { return false }
        act()
        return action == .fail
    }

    private mutating func isDue(_ place: String) -> Bool {
        guard place == point, left > 0 else { return false }
        left -= 1
        return left == 0
    }

    private func act() {
        switch action {
        case .kill: _ = Glibc.kill(getpid(), SIGKILL)
        case .stop: _ = Glibc.kill(getpid(), SIGSTOP)
        case .delay(let milliseconds): usleep(milliseconds * 1_000)
        case .fail: break
        }
    }
}
