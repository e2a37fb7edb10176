import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import ToolSupport

@Suite("A log whose reader is slow or gone")
struct LogWriterTests {
    private struct Pipe {
        let reader: CInt
        let writer: CInt

        init() {
            var ends: [CInt] = [0, 0]
            precondition(pipe(&ends) == 0, "a pipe can be made")
            (reader, writer) = (ends[0], ends[1])
            signal(SIGPIPE, SIG_IGN)
        }

        /// Lines until `last` came.
        func lines(through last: String) -> [String] {
            var text: [UInt8] = []
            while !String(decoding: text, as: UTF8.self).hasSuffix(last + "\n") {
                var buffer = [UInt8](repeating: 0, count: 4_096)
                let count = read(reader, &buffer, buffer.count)
                if count <= 0 { break }
                text += buffer.prefix(count)
            }
            return String(decoding: text, as: UTF8.self).split(separator: "\n").map(String.init)
        }
    }

    @Test func whatFindsNoRoomIsDroppedAndCounted() {
        var queue = LogQueue(most: 10)
        for line in ["1234\n", "5678\n", "9\n", "0\n"] { queue.add(line) }
        var taken = queue.take()
        #expect(taken.lines == ["1234\n", "5678\n"])
        #expect(taken.dropped == 2)
        #expect(queue.isEmpty)
        queue.add("again\n")
        taken = queue.take()
        #expect(taken.lines == ["again\n"])
        #expect(taken.dropped == 0)
    }

    @Test func nobodyWaitsForAReaderAndTheReaderHearsWhatItMissed() {
        let pipe = Pipe()
        let writer = LogWriter(StandardStream(descriptor: pipe.writer), most: 100_000)
        writer.tellLoss { "lost \($0)\n" }
        // More than the pipe (64 KiB) and the queue hold: with a blocking log this never ends.
        let filling = String(repeating: "x", count: 40)
        for number in 0..<20_000 { writer.write("line \(number) \(filling)\n") }
        #expect(!writer.drain(milliseconds: 10))
        // From here on somebody reads. The last line comes when there is room for it again.
        let lines = Mutex<[String]>([])
        let reader = TestThread {
            let found = pipe.lines(through: "the end")
            lines.withLock { $0 = found }
        }
        while !writer.drain(milliseconds: 1_000) {}
        writer.write("the end\n")
        reader.join()
        let found = lines.withLock { $0 }
        let lost = found.compactMap { line in
            line.hasPrefix("lost ") ? Int(line.dropFirst(5)) : nil
        }
        #expect(found.count { $0.hasPrefix("line ") } + lost.reduce(0, +) == 20_000)
        #expect(lost.reduce(0, +) > 0)
        #expect(found.last == "the end")
    }

    @Test func aReaderThatWentAwayCostsLinesAndNothingElse() {
        let pipe = Pipe()
        close(pipe.reader)
        let writer = LogWriter(StandardStream(descriptor: pipe.writer))
        for _ in 0..<100 { writer.write("nobody reads this\n") }
        #expect(writer.drain(milliseconds: 60_000))
    }
}
