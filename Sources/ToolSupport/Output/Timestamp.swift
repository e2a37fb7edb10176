import Glibc
import System

/// UTC for people's eyes, RFC 3339: nothing in the product decides by it, for machines' clocks
/// disagree and are set.
public enum Timestamp {
    /// Milliseconds since 1970 on the wall clock.
    public static func now() -> Int64 { WallClock.milliseconds }

    /// `2026-11-22T21:43:11.042Z`, or without the milliseconds.
    public static func format(_ milliseconds: Int64, fraction: Bool = true) -> String {
        var seconds = time_t(milliseconds / 1_000)
        var rest = milliseconds % 1_000
        if rest < 0 {
            seconds -= 1
            rest += 1_000
        }
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date =
            padded(Int(parts.tm_year) + 1_900, 4) + "-" + padded(Int(parts.tm_mon) + 1, 2) + "-"
            + padded(Int(parts.tm_mday), 2)
        let time =
            padded(Int(parts.tm_hour), 2) + ":" + padded(Int(parts.tm_min), 2) + ":"
            + padded(Int(parts.tm_sec), 2)
        return "\(date)T\(time)" + (fraction ? "." + padded(Int(rest), 3) : "") + "Z"
    }

    private static func padded(_ value: Int, _ digits: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
