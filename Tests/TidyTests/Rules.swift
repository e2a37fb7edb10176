/// A rule that a file breaks, with the place to look at.
struct Finding: CustomStringConvertible, Equatable {
    let path: String
    let line: Int
    let rule: String

    var description: String { "\(path):\(line): \(rule)" }
}

/// The house's rules as functions of one file, so that each can be shown a file that breaks it.
enum Rules {
    static let fileLines = 500
    static let functionLines = 60
    static let columns = 100
    static let cellCharacters = 120

    static func fileLength(_ file: SourceFile) -> [Finding] {
        file.lines.count <= fileLines
            ? [] : [finding(file, fileLines, "a file has at most \(fileLines) lines")]
    }

    static func lineLength(_ file: SourceFile) -> [Finding] {
        find(in: file.lines, of: file, "a line has at most \(columns) columns") {
            $0.count > columns
        }
    }

    /// From the line of `func`, `init`, `deinit` or `subscript` to the line of its closing brace.
    static func functionLength(_ file: SourceFile) -> [Finding] {
        var findings: [Finding] = []
        for (index, line) in file.code.enumerated() where beginsFunction(line) {
            guard let end = closing(file.code, from: index) else { continue }
            if end - index + 1 > functionLines {
                findings.append(
                    finding(file, index + 1, "a function has at most \(functionLines) lines"))
            }
        }
        return findings
    }

    /// A type's name says what it is in the whole package. Programs, which nobody imports, may each
    /// have a `RunCommand`.
    static func twins(_ files: [SourceFile]) -> [Finding] {
        let modifiers = /^(?:(?:@\w+|public|package|final|indirect) )*/
        let declaration = /(?:struct|class|enum|actor|protocol) (\w+)/
        var homes: [String: String] = [:]
        var findings: [Finding] = []
        for file in files where file.path.hasPrefix("Sources/") {
            let target = String(file.path.split(separator: "/")[1])
            guard target != "tools" else { continue }
            for (index, line) in file.code.enumerated() {
                let rest = line.trimmingPrefix(modifiers)
                guard let match = rest.prefixMatch(of: declaration) else { continue }
                let name = String(match.1)
                let home = homes[name] ?? target
                homes[name] = home
                if home != target {
                    findings.append(
                        finding(file, index + 1, "\(home) has a type \(name): two names"))
                }
            }
        }
        return findings
    }

    static func optionalTry(_ file: SourceFile) -> [Finding] {
        find(in: file.code, of: file, "no `try?`: an error is answered or passed on") {
            $0.contains(/\btry\?/)
        }
    }

    static func emptyCatch(_ file: SourceFile) -> [Finding] {
        let joined = file.code.joined(separator: "\n")
        return joined.matches(of: /catch\b[^\x7b\x7d]*\x7b\s*\x7d/).map { match in
            let before = joined[..<match.range.lowerBound]
            return finding(file, before.count { $0 == "\n" } + 1, "no empty catch")
        }
    }

    static func leftovers(_ file: SourceFile) -> [Finding] {
        let words = ["TO" + "DO", "FIX" + "ME", "X" + "XX"]
        return find(in: file.lines, of: file, "no leftovers: do it, or open an issue") { line in
            words.contains { line.contains($0) }
        }
    }

    static func otherPlatforms(_ file: SourceFile) -> [Finding] {
        find(in: file.code, of: file, "Linux only: no `#if os(...)`") {
            $0.contains("#if os(") || $0.contains("#elseif os(")
        }
    }

    static func uncheckedBuild(_ file: SourceFile) -> [Finding] {
        find(in: file.lines, of: file, "preconditions stay on in every build") {
            $0.contains("-O" + "unchecked") || $0.contains(".unsafe" + "Flags")
        }
    }

    static func unsafePointers(_ file: SourceFile, allowed: [String: String]) -> [Finding] {
        if allowed.keys.contains(where: { file.path == $0 || file.path.hasPrefix($0 + "/") }) {
            return []
        }
        let rule = "unsafe pointers only in the listed files: Span, or a reason in UnsafeFiles"
        let types = /\b(Unsafe(Mutable)?(Raw)?(Buffer)?Pointer|unsafeBitCast|Unmanaged)\b/
            .wordBoundaryKind(.simple)
        return find(in: file.code, of: file, rule) { $0.contains(types) }
    }

    /// No path that exists on one machine only.
    static func machinePaths(path: String, text: String) -> [Finding] {
        let places = ["/ho" + "me/", "/ro" + "ot/", "/Us" + "ers/", "/wo" + "rk/", "/o" + "pt/"]
        return text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
            .filter { _, line in
                places.contains { place in
                    // A folder below a variable is somebody's own, not the machine's.
                    line.ranges(of: place).contains { range in
                        range.lowerBound == line.startIndex
                            || !isPathCharacter(line[line.index(before: range.lowerBound)])
                    }
                }
            }
            .map { Finding(path: path, line: $0.offset + 1, rule: "no path of one machine") }
    }

    private static func isPathCharacter(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || "._-}$".contains(character)
    }

    /// Attributes, then modifiers such as `private(set)`, then the keyword.
    private static func beginsFunction(_ line: String) -> Bool {
        let before = /(@\w+(\([^)]*\))?\s+)*([a-z]+(\([a-z]+\))?\s+)*/
        let keyword = /func\s|init[?(<]|deinit\s|subscript[(<]/
        let text = line.drop(while: \.isWhitespace)
        return text.ranges(of: keyword).contains { range in
            text[..<range.lowerBound].wholeMatch(of: before) != nil
        }
    }

    /// The line on which the first brace after `start` is closed again; `nil` for a body-less
    /// declaration.
    private static func closing(_ code: [String], from start: Int) -> Int? {
        var braces = 0
        var parentheses = 0
        for index in start..<code.count {
            for character in code[index] {
                switch character {
                case "(": parentheses += 1
                case ")": parentheses -= 1
                case "{": braces += 1
                case "}": braces -= 1
                default: continue
                }
                // A protocol's requirement ends with the protocol itself.
                if braces < 0 { return nil }
                if braces == 0 && parentheses == 0 && character == "}" { return index }
            }
            // The next declaration begins before any brace: this one had no body.
            if braces == 0 && parentheses == 0 && index > start && beginsFunction(code[index]) {
                return nil
            }
        }
        return nil
    }

    private static func find(
        in lines: [String], of file: SourceFile, _ rule: String, _ breaks: (String) -> Bool
    ) -> [Finding] {
        lines.enumerated().filter { breaks($0.element) }
            .map { finding(file, $0.offset + 1, rule) }
    }

    private static func finding(_ file: SourceFile, _ line: Int, _ rule: String) -> Finding {
        Finding(path: file.path, line: line, rule: rule)
    }
}
