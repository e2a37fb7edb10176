/// A JSON value whose objects keep the order in which their members were written.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case unsigned(UInt64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(String, JSONValue)])

    /// RFC 8259 text without any spaces; a number that JSON cannot say becomes null.
    public var text: String {
        var out = ""
        write(to: &out)
        return out
    }

    func write(to out: inout String) {
        switch self {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .integer(let value): out += String(value)
        case .unsigned(let value): out += String(value)
        case .number(let value): out += value.isFinite ? String(value) : "null"
        case .string(let value): Self.quote(value, into: &out)
        case .array(let values):
            out += "["
            for (index, value) in values.enumerated() {
                if index > 0 { out += "," }
                value.write(to: &out)
            }
            out += "]"
        case .object(let members):
            out += "{"
            for (index, member) in members.enumerated() {
                if index > 0 { out += "," }
                Self.quote(member.0, into: &out)
                out += ":"
                member.1.write(to: &out)
            }
            out += "}"
        }
    }

    /// Escapes what RFC 8259 section 7 demands: the quote, the backslash and everything below
    /// U+0020; and what else would act on a terminal.
    private static func quote(_ value: String, into out: inout String) {
        out += "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            default:
                if ShownText.acts(scalar) {
                    let digits = String(scalar.value, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                } else {
                    out.unicodeScalars.append(scalar)
                }
            }
        }
        out += "\""
    }
}

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
