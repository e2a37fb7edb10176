/// Why a datanode cannot start, in a sentence that says what to do.
public struct StartFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Cause: Sendable {
        /// Something in the settings or on the disk is not as it must be.
        case configuration
        /// A directory cannot be used: read-only, not ours to write.
        case directory
        /// A directory's file system has no room.
        case full
        /// Another process has it.
        case taken
        /// The system or the network.
        case system
        /// It was asked to stop before it served.
        case stopped
    }

    public let cause: Cause
    public let description: String

    public init(_ cause: Cause, _ description: String) {
        self.cause = cause
        self.description = description
    }
}
