/// A key as a line of output shows it. On a terminal, characters that would act on it and the
/// backslash that marks them are escaped; a program at the other end of a pipe gets the key's own
/// bytes.
public func shown(
    _ key: String, onTerminal: Bool = StandardStream.output.isTerminal
) -> String {
    onTerminal ? ShownText.key(key) : key
}

/// `1 key`, `2 keys`, `1 copy`.
public func counted(_ count: some BinaryInteger, _ one: String, _ more: String? = nil) -> String {
    count == 1 ? "1 \(one)" : "\(count) \(more ?? one + "s")"
}

/// Somebody else's text without the characters that would act on a terminal: C0, DEL, C1, and those
/// that turn the direction of writing, so that a line shows another key than it has.
public enum ShownText {
    /// A key or a name, from which its own bytes can be told: the backslash is escaped too.
    public static func key(_ text: String) -> String { escaped(text, "\\", "\n") }

    /// One line of a message, whatever names are in it.
    public static func line(_ text: String) -> String { escaped(text, "\n") }

    /// Whole lines, whatever names are in them.
    static func lines(_ text: String) -> String { escaped(text) }

    /// Whether the character acts on a terminal; a line's end is not meant.
    static func acts(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0a: false
        case 0..<0x20, 0x7f..<0xa0, 0x202a...0x202e, 0x2066...0x2069: true
        default: false
        }
    }

    private static func escaped(_ text: String, _ others: Unicode.Scalar...) -> String {
        guard text.unicodeScalars.contains(where: { acts($0) || others.contains($0) }) else {
            return text
        }
        var out = ""
        for scalar in text.unicodeScalars {
            if acts(scalar) || others.contains(scalar) {
                out += escape(scalar)
            } else {
                out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\\": return "\\\\"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        default:
            let digits = String(scalar.value, radix: 16)
            return scalar.value < 0x100
                ? "\\x" + (digits.utf8.count < 2 ? "0" : "") + digits : "\\u{" + digits + "}"
        }
    }
}
