/// One line of a tool's `--json` output: an object whose first member is the schema's version.
public struct JSONLine: Sendable {
    /// Grows when a member changes its meaning or goes; new members do not change it.
    public static let schemaVersion: Int64 = 1

    private let members: [(String, JSONValue)]

    public init(_ members: [(String, JSONValue)]) { self.members = members }

    /// With its line end.
    public var text: String {
        JSONValue.object([("schema_version", .integer(Self.schemaVersion))] + members).text + "\n"
    }
}
