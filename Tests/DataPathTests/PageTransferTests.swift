import Glibc
import Reactor
import Testing

@testable import DataPath

/// What a device may answer to a transfer of whole pages, and what is made of it.
@Suite struct PageTransferTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        var count = 3 * 4096
        var needed: Int?
        let outcomes: [Outcome]
        let steps: [PageTransfer.Step]
        /// Where the next operation would begin.
        let done: Int
        var testDescription: String { name }
    }

    static let stalls = Array(
        repeating: Outcome.done(512), count: Int(PageTransfer.mostStalls) + 1)
    static let stalled = Array(
        repeating: PageTransfer.Step.more, count: Int(PageTransfer.mostStalls))

    static let rows = [
        Row(name: "at once", outcomes: [.done(12_288)], steps: [.whole], done: 0),
        Row(
            name: "in pages", outcomes: [.done(4096), .done(4096), .done(4096)],
            steps: [.more, .more, .whole], done: 8192),
        Row(
            name: "a sector goes again", outcomes: [.done(4096 + 512), .done(8192)],
            steps: [.more, .whole], done: 4096),
        Row(
            name: "what is needed is enough", count: 8192, needed: 5000, outcomes: [.done(5000)],
            steps: [.whole], done: 0),
        Row(
            name: "a byte too few is not", count: 8192, needed: 5000,
            outcomes: [.done(4999), .done(903), .done(904)], steps: [.more, .more, .whole],
            done: 4096),
        Row(
            name: "the file's end", outcomes: [.done(4096), .done(0)], steps: [.more, .short],
            done: 4096),
        Row(
            name: "less than a page for ever", outcomes: stalls, steps: stalled + [.short],
            done: 0),
        Row(
            name: "a page begins the count anew",
            outcomes: stalls.dropLast() + [.done(4096)] + stalls,
            steps: stalled + [.more] + stalled + [.short], done: 4096),
        Row(
            name: "an interruption does not",
            outcomes: stalls.dropLast() + [.again, .done(512)], steps: stalled + [.more, .short],
            done: 0),
        Row(
            name: "interrupted as often as it likes",
            outcomes: Array(repeating: .again, count: 100) + [.done(12_288)],
            steps: Array(repeating: .more, count: 100) + [.whole], done: 0),
        Row(name: "refused", outcomes: [.failed(EIO)], steps: [.failed], done: 0),
        Row(
            name: "no room", outcomes: [.done(4096), .full(ENOSPC)], steps: [.more, .failed],
            done: 4096),
        Row(name: "ended by us", outcomes: [.cancelled], steps: [.failed], done: 0),
    ]

    @Test(arguments: rows) func goesOnOrEnds(row: Row) {
        var transfer = PageTransfer(offset: 8192, count: row.count, needed: row.needed)
        #expect(row.outcomes.map { transfer.take($0) } == row.steps)
        #expect(transfer.done == row.done)
    }

    @Test func asksForWhatIsMissing() {
        var transfer = PageTransfer(offset: 8192, count: 12_288, needed: 9000)
        #expect(transfer.take(.done(5000)) == .more)
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 12_288, alignment: 4096)
        defer { memory.deallocate() }
        guard
            case .read(_, memory + 4096, 8192, 12_288, registered: true) = transfer.read(
                .fixed(1), into: memory)
        else {
            Issue.record("the last two pages are read")
            return
        }
        guard
            case .write(_, UnsafeRawPointer(memory + 4096), 8192, 12_288, registered: true) =
                transfer.write(.fixed(1), from: memory)
        else {
            Issue.record("the last two pages are written")
            return
        }
    }
}
