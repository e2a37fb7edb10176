/// The rules for pages of Markdown: they are read in terminals and compared line by line.
extension Rules {
    /// Prose has short lines. A row of a table must be one line, so its cells are short instead.
    /// Code blocks are what somebody types or sees, and stay as they are.
    static func pageLines(path: String, text: String) -> [Finding] {
        var findings: [Finding] = []
        var fence: String?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let words = line.drop(while: \.isWhitespace)
            if let open = fence {
                if words.hasPrefix(open) { fence = nil }
            } else if let opened = ["```", "~~~"].first(where: { words.hasPrefix($0) }) {
                fence = opened
            } else if let rule = broken(by: line, words) {
                findings.append(Finding(path: path, line: index + 1, rule: rule))
            }
        }
        return findings
    }

    private static func broken(by line: Substring, _ words: Substring) -> String? {
        guard words.hasPrefix("|") else {
            return line.count > columns ? "a page's line has at most \(columns) columns" : nil
        }
        return cells(words).contains { $0 > cellCharacters }
            ? "a table's cell has at most \(cellCharacters) characters" : nil
    }

    /// How long each cell of a row is. A bar ends a cell also inside backticks, unless it is
    /// escaped.
    private static func cells(_ row: Substring) -> [Int] {
        var cells: [Substring] = []
        var start = row.startIndex
        var isEscaped = false
        for place in row.indices {
            if row[place] == "|" && !isEscaped {
                cells.append(row[start..<place])
                start = row.index(after: place)
            }
            isEscaped = row[place] == "\\" && !isEscaped
        }
        cells.append(row[start...])
        return cells.map { cell in
            let content = cell.drop(while: \.isWhitespace)
            return content.count - content.reversed().prefix(while: \.isWhitespace).count
        }
    }
}
