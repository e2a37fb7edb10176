import Wire

/// The answers kept for retries, in a log by age. Each client has a share of them, so that it can
/// push out no answers but its own.
///
/// A store has the log from its oldest kept answer on, also what was forgotten behind that. So that
/// one old answer does not hold a log that grows for ever, the oldest are moved to the end of the
/// log when it is twice as long as what may be kept.
package struct KeptAnswers: Sendable {
    private struct Entry: Sendable {
        let name: RequestName
        let reply: [UInt8]
    }

    private struct Share: Sendable {
        /// In the order in which they were kept.
        var sequences = Queue<UInt64>()
        var bytes = 0
    }

    /// Answers that have to be moved are at most so many with each that comes: enough to end a log
    /// of short answers between long ones.
    private static let movesMost = 8

    private var entries: [UInt64: Entry] = [:]
    private var sequences: [RequestName: UInt64] = [:]
    private var shares: [ClientID: Share] = [:]
    /// From the oldest kept one on, forgotten ones included.
    private var log = Queue<(sequence: UInt64, bytes: Int)>()
    private var loggedBytes = 0
    package private(set) var bytes = 0

    package init() {}

    package var count: Int { entries.count }
    /// The sequence of the oldest that is kept.
    package var oldest: UInt64? { log.first?.sequence }
    package var clients: some Collection<ClientID> { shares.keys }

    package func reply(to name: RequestName) -> [UInt8]? {
        sequences[name].flatMap { entries[$0]?.reply }
    }

    package func sequence(of name: RequestName) -> UInt64? { sequences[name] }

    /// - Parameter sequence: above every other that was kept.
    package mutating func keep(_ reply: [UInt8], for name: RequestName, sequence: UInt64) {
        if let old = sequences[name] { forget(old) }
        entries[sequence] = Entry(name: name, reply: reply)
        sequences[name] = sequence
        shares[name.client, default: Share()].sequences.append(sequence)
        shares[name.client]?.bytes += reply.count
        log.append((sequence, reply.count))
        loggedBytes += reply.count
        bytes += reply.count
    }

    package mutating func forget(_ sequence: UInt64) {
        guard let entry = entries.removeValue(forKey: sequence) else { return }
        sequences[entry.name] = nil
        bytes -= entry.reply.count
        let client = entry.name.client
        shares[client]?.sequences.remove(sequence)
        shares[client]?.bytes -= entry.reply.count
        if shares[client]?.sequences.isEmpty == true { shares[client] = nil }
        while let first = log.first, entries[first.sequence] == nil {
            loggedBytes -= first.bytes
            log.removeFirst()
        }
    }

    // MARK: Bounds

    /// What of a client's answers is over its share, the oldest first.
    /// - Parameter bytes: of an answer that is about to be kept.
    package func overShare(
        of client: ClientID, adding bytes: Int? = nil, bounds: Bounds
    ) -> [UInt64] {
        guard let share = shares[client] else { return [] }
        var count = share.sequences.count + (bytes == nil ? 0 : 1)
        var room = bounds.outcomeBytesPerClient - share.bytes - (bytes ?? 0)
        return share.sequences.prefix { sequence in
            guard count > bounds.outcomesPerClient || room < 0 else { return false }
            count -= 1
            room += entries[sequence]?.reply.count ?? 0
            return true
        }
    }

    /// The oldest of all, as many as have to be forgotten for one more answer.
    /// - Parameter leaving: what is forgotten anyway.
    package func excess(
        adding count: Int, but leaving: [UInt64], bounds: Bounds
    ) -> [UInt64] {
        let own = Set(leaving)
        var excess: [UInt64] = []
        var left = entries.count - leaving.count
        var room = bounds.outcomeBytes - bytes - count
        for sequence in leaving { room += entries[sequence]?.reply.count ?? 0 }
        for (sequence, _) in log {
            guard left >= bounds.outcomes || room < 0 else { break }
            guard let entry = entries[sequence], !own.contains(sequence) else { continue }
            excess.append(sequence)
            left -= 1
            room += entry.reply.count
        }
        return excess
    }

    /// The oldest, when they hold a log that is too long.
    /// - Parameter leaving: what is forgotten anyway.
    package func overdue(
        but leaving: [UInt64], bounds: Bounds
    ) -> [(name: RequestName, reply: [UInt8])] {
        guard log.count > 2 * bounds.outcomes || loggedBytes > 2 * bounds.outcomeBytes else {
            return []
        }
        return log.lazy.filter { !leaving.contains($0.sequence) }
            .compactMap { entries[$0.sequence] }.prefix(Self.movesMost)
            .map { ($0.name, $0.reply) }
    }
}

/// First in, first out.
struct Queue<Element: Sendable>: Sequence, Sendable {
    private var elements: [Element] = []
    private var start = 0

    var count: Int { elements.count - start }
    var isEmpty: Bool { count == 0 }
    var first: Element? { isEmpty ? nil : elements[start] }

    func makeIterator() -> ArraySlice<Element>.Iterator { elements[start...].makeIterator() }

    mutating func append(_ element: Element) { elements.append(element) }

    func filtered(_ isKept: (Element) -> Bool) -> Self {
        var queue = Self()
        queue.elements = elements[start...].filter(isKept)
        return queue
    }

    mutating func removeFirst() {
        start += 1
        guard start > 32, start > elements.count / 2 else { return }
        elements.removeFirst(start)
        start = 0
    }
}

extension Queue where Element: Equatable {
    /// Nearly always the first.
    mutating func remove(_ element: Element) {
        if first == element { return removeFirst() }
        if let place = elements[start...].firstIndex(of: element) { elements.remove(at: place) }
    }
}
