import Testing
import Wire

@Suite struct BufferedRandomTests {
    @Test("no number comes twice, within a buffer or from one to the next")
    func distinct() {
        var random = BufferedRandom()
        #expect(Set((0..<1_000).map { _ in random.next() }).count == 1_000)
        var other = BufferedRandom()
        #expect(other.next() != random.next())
    }
}
