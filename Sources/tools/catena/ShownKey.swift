import ToolSupport

/// A key as a line of output shows it. On a terminal, characters that would act on it (C0, DEL, C1)
/// and the backslash that marks them are escaped; a program at the other end of a pipe gets the
/// key's own bytes.
func shown(_ key: String, onTerminal: Bool = StandardStream.output.isTerminal) -> String {
    guard onTerminal else { return key }
    var out = ""
    for scalar in key.unicodeScalars {
        switch scalar.value {
        case 0x5c: out += "\\\\"
        case 0x0a: out += "\\n"
        case 0x0d: out += "\\r"
        case 0x09: out += "\\t"
        case 0..<0x20, 0x7f..<0xa0:
            let digits = String(scalar.value, radix: 16)
            out += "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits
        // What turns the direction of writing, so that a line shows another key than it has.
        case 0x202a...0x202e, 0x2066...0x2069:
            out += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out
}
