import Wire

/// Which address each kept answer went to: an address has one share of them, however many clients
/// it has. Soft: what an earlier process answered counts to no address.
struct AnswerHolders: Sendable {
    private struct Holder: Sendable {
        /// In the order in which they were kept; those that are forgotten too, until they are many.
        var sequences = Queue<UInt64>()
        var count = 0
        var bytes = 0
    }

    private struct Answer: Sendable {
        let address: PeerAddress
        let bytes: Int
    }

    private var answers: [UInt64: Answer] = [:]
    private var holders: [PeerAddress: Holder] = [:]

    /// What has to be forgotten for one more answer to an address, the oldest first.
    /// - Parameter leaving: what is forgotten anyway.
    func overShare(
        of address: PeerAddress, adding bytes: Int, but leaving: [UInt64], bounds: Bounds
    ) -> [UInt64] {
        guard let holder = holders[address] else { return [] }
        let own = leaving.compactMap { answers[$0] }.filter { $0.address == address }
        var count = holder.count - own.count + 1
        var room = bounds.outcomeBytesPerAddress - holder.bytes - bytes
        for answer in own { room += answer.bytes }
        guard count > bounds.outcomesPerAddress || room < 0 else { return [] }
        let gone = Set(leaving)
        var found: [UInt64] = []
        for sequence in holder.sequences where !gone.contains(sequence) {
            guard count > bounds.outcomesPerAddress || room < 0 else { break }
            guard let answer = answers[sequence] else { continue }
            found.append(sequence)
            count -= 1
            room += answer.bytes
        }
        return found
    }

    mutating func keep(_ sequence: UInt64, bytes: Int, to address: PeerAddress) {
        answers[sequence] = Answer(address: address, bytes: bytes)
        holders[address, default: Holder()].sequences.append(sequence)
        holders[address]?.count += 1
        holders[address]?.bytes += bytes
    }

    /// - Returns: whose it was; `nil` when that is not known.
    @discardableResult
    mutating func forget(_ sequence: UInt64) -> PeerAddress? {
        guard let answer = answers.removeValue(forKey: sequence) else { return nil }
        let address = answer.address
        holders[address]?.count -= 1
        holders[address]?.bytes -= answer.bytes
        guard let holder = holders[address], holder.count > 0 else {
            holders[address] = nil
            return address
        }
        while let first = holders[address]?.sequences.first, answers[first] == nil {
            holders[address]?.sequences.removeFirst()
        }
        if holder.sequences.count > 2 * holder.count + 32 {
            holders[address]?.sequences = holder.sequences.filtered { answers[$0] != nil }
        }
        return address
    }
}
