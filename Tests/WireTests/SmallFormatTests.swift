import System
import Testing
import Wire

struct SmallFormatTests {
    @Test func errorReportHasTheGoldenBytes() {
        let report = ErrorReport(node: Sample.head, text: "the disk is full")
        let golden = bytes(
            hex: "303132333435363738393a3b3c3d3e3f746865206469736b2069732066756c6c")
        #expect(report.encoded() == golden)
        #expect(ErrorReport(decoding: golden) == report)
    }

    @Test func errorReportsAreBoundedAndNeverCutACharacter() throws {
        let report = ErrorReport(node: Sample.head, text: String(repeating: "ä€😀", count: 100))
        let encoded = report.encoded()
        #expect(encoded.count <= 16 + ErrorReport.textBytes)
        let read = try #require(ErrorReport(decoding: encoded))
        #expect(report.text.hasPrefix(read.text))
        #expect(read.text.utf8.count > ErrorReport.textBytes - 4)
        #expect(ErrorReport(decoding: [UInt8](repeating: 1, count: 15)) == nil)
        let broken = Sample.head.bytes + [0xff, 0x41]
        #expect(ErrorReport(decoding: broken)?.text == "\u{fffd}A")
    }

    @Test func identifiersAreUUIDs() {
        let text = "30313233-3435-3637-3839-3a3b3c3d3e3f"
        #expect(Sample.head.description == text)
        #expect(NodeID(text) == Sample.head)
        #expect(NodeID(text.replacing("-", with: "").uppercased()) == Sample.head)
        #expect(NodeID(bytes: Sample.head.bytes) == Sample.head)
        #expect(NodeID("") == nil)
        #expect(NodeID("3031") == nil)
        #expect(NodeID(text.replacing("f", with: "g")) == nil)
        #expect(NodeID(bytes: [UInt8](repeating: 0, count: 15)) == nil)
        var generator = Seeded(4)
        let random = NodeID(using: &generator)
        #expect(random.bytes[6] >> 4 == 4)
        #expect(random.bytes[8] >> 6 == 2)
    }

    /// `UInt64(_:radix:)` takes a sign, and so does an identifier's text, though no digit is one.
    @Test func aSignIsNoDigit() {
        #expect(NodeID("+0313233-3435-3637-3839-3a3b3c3d3e3f") == nil)
    }

    @Test func statusCodesAreTheProtocols() {
        #expect(Status.allCases.count == 44)
        #expect(Status.badMagic.rawValue == 100)
        #expect(Status.tokenTooShort.rawValue == 210)
        #expect(Status.badRange.rawValue == 310)
        #expect(Status.slowPeer.rawValue == 405)
        #expect(Status.nextHopFailed.rawValue == 501)
        #expect(Status.tokenForged.family == .token)
        #expect(Set(Status.allCases.map(\.explanation)).count == Status.allCases.count)
    }

    @Test func progressIsAMinimumOverTheChain() {
        let near = Progress(received: 30, written: 20, durable: 5)
        let far = Progress(received: 25, written: 22, durable: 6)
        #expect(near.minimum(far) == Progress(received: 25, written: 20, durable: 5))
        #expect(near.exceeds(far))
        #expect(!near.minimum(far).exceeds(far))
        #expect(near.isOrdered)
        #expect(!Progress(received: 1, written: 2, durable: 0).isOrdered)
        #expect(near[.received] == 30 && near[.written] == 20 && near[.durable] == 5)
    }
}
