/// Takes comments and the insides of string literals out of Swift lines, keeping line and column
/// counts.
///
/// Enough for counting braces and finding words; it does not look into interpolations.
enum CodeOnly {
    private enum State: Equatable {
        case code
        case blockComment(depth: Int)
        case string(hashes: Int)
        case multilineString(hashes: Int)
    }

    static func lines(_ lines: [String]) -> [String] {
        var state = State.code
        return lines.map { line in
            let stripped = strip(Array(line), &state)
            // A string that is not multi-line ends with its line, whatever it holds.
            if case .string = state { state = .code }
            return stripped
        }
    }

    private static func strip(_ line: [Character], _ state: inout State) -> String {
        var out = ""
        var place = 0
        while place < line.count {
            let taken: Int
            switch state {
            case .code:
                taken = code(line, place, &state)
                if taken < 0 { return out }
                let keeps = taken == 1 && state == .code
                out += keeps ? String(line[place]) : String(repeating: " ", count: taken)
            case .blockComment(let depth):
                taken = blockComment(line, place, depth, &state)
                out += String(repeating: " ", count: taken)
            case .string(let hashes), .multilineString(let hashes):
                taken = literal(line, place, hashes, &state)
                out += String(repeating: " ", count: taken)
            }
            place += taken
        }
        return out
    }

    /// How many characters to take from code; -1 when the rest of the line is a comment.
    private static func code(_ line: [Character], _ place: Int, _ state: inout State) -> Int {
        if starts(line, place, "//") { return -1 }
        if starts(line, place, "/*") {
            state = .blockComment(depth: 1)
            return 2
        }
        let hashes = line[place...].prefix { $0 == "#" }.count
        let quote = place + hashes
        guard quote < line.count, line[quote] == "\"" else { return 1 }
        if starts(line, quote, "\"\"\"") {
            state = .multilineString(hashes: hashes)
            return hashes + 3
        }
        state = .string(hashes: hashes)
        return hashes + 1
    }

    private static func blockComment(
        _ line: [Character], _ place: Int, _ depth: Int, _ state: inout State
    ) -> Int {
        if starts(line, place, "*/") {
            state = depth == 1 ? .code : .blockComment(depth: depth - 1)
            return 2
        }
        if starts(line, place, "/*") {
            state = .blockComment(depth: depth + 1)
            return 2
        }
        return 1
    }

    private static func literal(
        _ line: [Character], _ place: Int, _ hashes: Int, _ state: inout State
    ) -> Int {
        let marks = String(repeating: "#", count: hashes)
        if starts(line, place, "\\" + marks) { return min(line.count - place, 2 + hashes) }
        var end = "\"" + marks
        if case .multilineString = state { end = "\"\"\"" + marks }
        guard starts(line, place, end) else { return 1 }
        state = .code
        return end.count
    }

    private static func starts(_ line: [Character], _ place: Int, _ text: String) -> Bool {
        line[place...].starts(with: text)
    }
}
