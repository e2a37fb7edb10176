import Logging

/// Something an operator may want to read in the log. The machine only says so; its shell writes.
package struct Notice: Sendable, Equatable {
    package let level: Logger.Level
    package let message: String
    package let details: [String: String]

    package init(_ level: Logger.Level, _ message: String, _ details: [String: String] = [:]) {
        self.level = level
        self.message = message
        self.details = details
    }
}
