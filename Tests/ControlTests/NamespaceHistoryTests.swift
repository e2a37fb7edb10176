import Control
import System
import Testing
import Wire

@Suite("The namespace's history")
struct NamespaceHistoryTests {
    private func mark(_ incarnation: NamespaceIncarnation, _ commit: UInt64) -> NamespaceMark {
        NamespaceMark(incarnation: incarnation, commit: commit)
    }

    private func begun(_ firstCommits: [UInt64]) -> NamespaceHistory {
        var generator = Seeded(1)
        var history = NamespaceHistory()
        for commit in firstCommits { history.begin(firstCommit: commit, using: &generator) }
        return history
    }

    @Test func everyStartHasAnIncarnationOfItsOwn() {
        let history = begun([1, 10, 20])
        let drawn = history.starts.map(\.incarnation)
        #expect(Set(drawn).count == 3)
        #expect(!drawn.contains(.unknown))
        #expect(history.current == drawn.last)
    }

    @Test func thePastIsIncludedAndNothingElse() {
        let history = begun([1, 10, 20])
        let starts = history.starts.map(\.incarnation)
        #expect(history.includes(.none, commits: 25))
        #expect(history.includes(mark(starts[0], 9), commits: 25))
        #expect(!history.includes(mark(starts[0], 10), commits: 25), "it went on elsewhere")
        #expect(history.includes(mark(starts[1], 19), commits: 25))
        #expect(history.includes(mark(starts[2], 25), commits: 25))
        #expect(!history.includes(mark(starts[2], 26), commits: 25), "the log lost its end")
        let other = NamespaceIncarnation(starts.map(\.number).reduce(1, ^))
        #expect(!history.includes(mark(other, 5), commits: 25), "a start of another copy")
    }

    @Test func whatWasGivenUpIsIncluded() {
        var history = begun([1, 10])
        history.behind = NamespaceHistory.Behind(
            node: NodeID(high: 0, low: 1), seen: .none, ownCommit: 5, block: BlockID(9),
            ownBlock: BlockID(4))
        history.giveUpOthers(below: 1 << 32)
        #expect(history.behind == nil)
        #expect(history.includes(mark(NamespaceIncarnation(99), 5_000), commits: 1 << 32))
        #expect(!history.includes(mark(NamespaceIncarnation(99), 1 << 33), commits: 1 << 32))
    }

    @Test func startsBeyondTheBoundAreOnlyKnownToBeOld() {
        let history = begun((0..<400).map { UInt64($0) * 10 + 1 })
        #expect(history.starts.count == NamespaceHistory.most)
        let oldest = history.starts[0].firstCommit
        #expect(history.includes(mark(NamespaceIncarnation(99), oldest - 1), commits: 5_000))
        #expect(!history.includes(mark(NamespaceIncarnation(99), oldest), commits: 5_000))
    }

    @Test func aStoreKeepsIt() throws {
        try Scratch.with { scratch in
            var history = begun([1, 10, 20])
            history.behind = NamespaceHistory.Behind(
                node: NodeID(high: 7, low: 1), seen: mark(NamespaceIncarnation(3), 77),
                ownCommit: 5, block: BlockID(9), ownBlock: BlockID(4))
            let store = try scratch.store()
            #expect(store.history == NamespaceHistory())
            let commits = store.commits
            try Scratch.commit(store, [.setHistory(history)])
            #expect(store.commits == commits + 1)
            let other = try scratch.copy()
            #expect(try other.store().history == history)
            try other.remove()
        }
    }
}
