/// Log lines that wait for their writer. At its bound a line is dropped and counted: no caller
/// waits for a reader.
struct LogQueue {
    /// What a burst may hold. As much again may be in the writer's hands.
    static let mostBytes = 1 << 20

    private let most: Int
    private var lines: [String] = []
    private var bytes = 0
    private var dropped = 0

    init(most: Int = LogQueue.mostBytes) { self.most = most }

    var isEmpty: Bool { lines.isEmpty && dropped == 0 }

    mutating func add(_ line: String) {
        let count = line.utf8.count
        guard bytes + count <= most else {
            dropped += 1
            return
        }
        bytes += count
        lines.append(line)
    }

    /// All that waits, and how many lines came after it and were dropped.
    mutating func take() -> (lines: [String], dropped: Int) {
        defer { self = LogQueue(most: most) }
        return (lines, dropped)
    }
}
