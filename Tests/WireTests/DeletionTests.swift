import Testing
import Wire

struct DeletionTests {
    private static let made = NamespaceIncarnation(7)
    private static let content = Deletion.Content(length: 100, checksum: 5)

    private func covers(
        _ deletion: Deletion, epoch: UInt64 = 1, incarnation: UInt32 = 7,
        content: Deletion.Content? = DeletionTests.content
    ) -> Bool {
        deletion.covers(
            epoch: Epoch(epoch), incarnation: NamespaceIncarnation(incarnation), content: content)
    }

    @Test func aCopyOfAnotherHistoryIsAnotherBlock() {
        let deletion = Deletion(
            block: BlockID(1), epoch: Epoch(1), incarnation: Self.made, content: Self.content)
        #expect(covers(deletion))
        #expect(!covers(deletion, incarnation: 8))
        #expect(!covers(deletion, incarnation: 0), "made before incarnations were kept")
        #expect(!covers(deletion, epoch: 2))
    }

    @Test func aBadCopyOfTheSameHistoryGoesWithItsBlock() {
        let deletion = Deletion(
            block: BlockID(1), epoch: Epoch(3), incarnation: Self.made, content: Self.content)
        #expect(covers(deletion, content: Deletion.Content(length: 99, checksum: 5)))
        #expect(covers(deletion, content: nil))
        #expect(covers(deletion, epoch: 2), "an older state of it")
    }

    @Test func withoutIncarnationsTheContentDecides() {
        let deletion = Deletion(block: BlockID(1), epoch: Epoch(1), content: Self.content)
        #expect(covers(deletion, incarnation: 0))
        #expect(covers(deletion, incarnation: 0, content: nil))
        #expect(
            !covers(deletion, incarnation: 0, content: Deletion.Content(length: 99, checksum: 5)))
        #expect(
            !covers(deletion, incarnation: 0, content: Deletion.Content(length: 100, checksum: 6)))
        #expect(!covers(deletion, incarnation: 7), "made by a later namespace")
        let open = Deletion(block: BlockID(1), epoch: Epoch(1))
        #expect(covers(open, incarnation: 0), "nobody knows what its writer made of it")
    }

    @Test func aFileThatIsAllNameGoesWithTheNamespaceItsNodeHadHeardOf() {
        let deletion = Deletion(block: BlockID(1), epoch: Epoch(1), incarnation: Self.made)
        #expect(covers(deletion, epoch: 0, content: nil))
        #expect(!covers(deletion, epoch: 0, incarnation: 8, content: nil))
        #expect(!covers(deletion, epoch: 0, incarnation: 0, content: nil))
    }
}
