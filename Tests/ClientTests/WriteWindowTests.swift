import Client
import Reactor
import System
import TestSupport
import Testing
import Wire

struct WriteWindowTests {
    /// What the window must do, with arrays and no cleverness.
    private struct Model {
        var frames: [(offset: UInt64, end: UInt64, buffer: BufferIndex)] = []
        var sent = 0
        var sentEnd: UInt64 = 0
        var acked = Progress()
        var end: UInt64 = 0
    }

    @Test("agrees with a naive model", arguments: 1...50 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var random = Seeded(seed)
        var window = WriteWindow(capacity: 8, releaseLevel: .written)
        var model = Model()
        var buffer = 0
        for _ in 0..<400 {
            switch UInt64.random(in: 0..<10, using: &random) {
            case 0...3 where !window.isFull:
                let length = UInt32.random(in: 1...5, using: &random)
                window.append(length: length, buffer: BufferIndex(buffer), isReady: true)
                model.frames.append((model.end, model.end + UInt64(length), BufferIndex(buffer)))
                model.end += UInt64(length)
                buffer += 1
            case 4...6:
                let frame = window.unsentFrame()
                #expect(frame?.offset == model.frames.dropFirst(model.sent).first?.offset)
                guard let frame else { continue }
                window.markSent()
                model.sent += 1
                model.sentEnd = max(model.sentEnd, frame.end)
            case 7, 8: try ack(&window, &model, &random)
            default:
                window.rewind()
                model.sent = 0
            }
            let (count, unsent) = (window.count, window.unsent)
            #expect(count == model.frames.count, "seed \(seed)")
            #expect(unsent == model.frames.count - model.sent, "seed \(seed)")
        }
    }

    private func ack(
        _ window: inout WriteWindow, _ model: inout Model, _ random: inout Seeded
    ) throws {
        let received = UInt64.random(in: model.acked.received...model.sentEnd, using: &random)
        let written = UInt64.random(in: model.acked.written...received, using: &random)
        let progress = Progress(received: received, written: written)
        #expect(try window.advance(to: progress) == (progress != model.acked))
        model.acked = progress
        var released: [BufferIndex] = []
        while let frame = window.popAcked() { released.append(frame.buffer) }
        let expected = model.frames.prefix { $0.end <= written }.map(\.buffer)
        #expect(released == expected)
        model.frames.removeFirst(expected.count)
        model.sent = max(0, model.sent - expected.count)
    }

    private func sentWindow() -> WriteWindow {
        var window = WriteWindow(capacity: 4, releaseLevel: .written)
        window.append(length: 10, buffer: 0, isReady: true)
        window.append(length: 10, buffer: 1, isReady: true)
        window.append(length: 10, buffer: 2, isReady: true)
        window.markSent()
        window.markSent()
        return window
    }

    @Test("refuses acks against the rules")
    func violations() throws {
        var window = sentWindow()
        #expect(throws: WriteWindow.Violation.disordered) {
            try window.advance(to: Progress(received: 5, written: 6))
        }
        #expect(throws: WriteWindow.Violation.beyondSent) {
            try window.advance(to: Progress(received: 21))
        }
        #expect(try window.advance(to: Progress(received: 20, written: 10)))
        #expect(throws: WriteWindow.Violation.wentBack) {
            try window.advance(to: Progress(received: 20, written: 9))
        }
        #expect(try window.advance(to: Progress(received: 20, written: 10)) == false)
    }

    @Test("a new stream sends what is not acked, cut as the first time, a torn frame whole")
    func resend() throws {
        var window = sentWindow()
        _ = try window.advance(to: Progress(received: 20, written: 15))
        #expect(window.popAcked()?.buffer == 0)
        #expect(window.popAcked() == nil)
        window.rewind()
        #expect(window.unsentFrame()?.offset == 10)
        #expect(window.unsentFrame()?.length == 10)
        #expect(window.unsentFrame(1)?.offset == 20)
        let canStartOver = window.canStartOver
        #expect(!canStartOver)
    }

    @Test("bytes that were all kept can become another block")
    func startOver() throws {
        var window = sentWindow()
        _ = try window.advance(to: Progress(received: 20))
        let canStartOver = window.canStartOver
        #expect(canStartOver)
        window.startOver()
        #expect(window.unsentFrame()?.offset == 0)
        #expect(throws: WriteWindow.Violation.beyondSent) {
            try window.advance(to: Progress(received: 1))
        }
    }
}
