import Wire

/// Which starts of a namenode made this namespace, and how far each came: tells whether what a
/// datanode has heard is of this namespace's past. If not, there is a later state of it somewhere,
/// and this is an older copy.
package struct NamespaceHistory: Sendable, Equatable {
    package struct Start: Sendable, Equatable {
        package let incarnation: NamespaceIncarnation
        package let firstCommit: UInt64

        package init(incarnation: NamespaceIncarnation, firstCommit: UInt64) {
            self.incarnation = incarnation
            self.firstCommit = firstCommit
        }
    }

    /// Why this namespace is older than its datanodes, from one of them.
    package struct Behind: Sendable, Equatable {
        package var node: NodeID
        package var seen: NamespaceMark
        package var ownCommit: UInt64
        /// The highest block that was never given here; 0 when a commit says it.
        package var block: BlockID
        /// The next to be given, when it was noticed.
        package var ownBlock: BlockID

        package init(
            node: NodeID, seen: NamespaceMark, ownCommit: UInt64, block: BlockID, ownBlock: BlockID
        ) {
            self.node = node
            self.seen = seen
            self.ownCommit = ownCommit
            self.block = block
            self.ownBlock = ownBlock
        }

        /// A sentence for the log and the operator.
        package var description: String {
            let what =
                block == BlockID(0)
                ? "datanode \(node) has heard commit \(seen.commit) of incarnation "
                    + "\(seen.incarnation), this namespace was at commit \(ownCommit)"
                : "datanode \(node) holds block \(block), the next to be given was \(ownBlock)"
            return "this namespace is older than its datanodes: \(what)"
        }
    }

    /// Starts that are remembered; of those before them, only that they were before.
    package static let most = 256

    /// Oldest first; the last is this process's.
    package private(set) var starts: [Start]
    /// Commits below it are of states that the operator has given up: by a restore, or by accepting
    /// that they are lost.
    package private(set) var givenUp: UInt64
    package var behind: Behind?

    package init(starts: [Start] = [], givenUp: UInt64 = 0, behind: Behind? = nil) {
        self.starts = starts
        self.givenUp = givenUp
        self.behind = behind
    }

    package var current: NamespaceIncarnation { starts.last?.incarnation ?? .unknown }

    /// A process begins; its first commit has this number.
    package mutating func begin(
        firstCommit: UInt64, using generator: inout some RandomNumberGenerator
    ) {
        var drawn = NamespaceIncarnation.unknown
        while drawn == .unknown || starts.contains(where: { $0.incarnation == drawn }) {
            drawn = NamespaceIncarnation(UInt32(truncatingIfNeeded: generator.next()))
        }
        starts = starts.suffix(Self.most - 1)
        starts.append(Start(incarnation: drawn, firstCommit: firstCommit))
    }

    /// The operator goes on with this state, whatever there was after it.
    /// - Parameter commit: above every one that can have been made.
    package mutating func giveUpOthers(below commit: UInt64) {
        givenUp = commit
        behind = nil
    }

    /// Whether a node that had heard of `heard` last had heard of the start `made`, or of a later
    /// one of this history: then a number of that start was never another block's there.
    package func isKnown(_ made: NamespaceIncarnation, to heard: NamespaceIncarnation) -> Bool {
        if made == heard { return true }
        guard let last = starts.firstIndex(where: { $0.incarnation == heard }) else { return false }
        guard let first = starts.firstIndex(where: { $0.incarnation == made }) else {
            // Nobody remembers more starts than these: it is older than all of them.
            return made != .unknown && starts.count == Self.most
        }
        return first < last
    }

    /// Whether a state that a datanode has heard of is this one or an earlier one.
    /// - Parameter commits: this state's number.
    package func includes(_ mark: NamespaceMark, commits: UInt64) -> Bool {
        if mark.incarnation == .unknown || mark.commit < givenUp { return true }
        guard let place = starts.lastIndex(where: { $0.incarnation == mark.incarnation }) else {
            // Nobody remembers more starts than these.
            return starts.count == Self.most && mark.commit < starts[0].firstCommit
        }
        let next = place + 1
        let last = next < starts.count ? starts[next].firstCommit - 1 : commits
        return mark.commit <= last
    }
}
