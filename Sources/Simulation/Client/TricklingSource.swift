import Client
import Reactor

/// Where a put's bytes come from: at once, or piece after piece like a slow pipe, so that its
/// blocks stay open for long.
struct TricklingSource {
    /// A buffer of the engine that is to be filled.
    struct Piece {
        let write: WriteID
        let buffer: BufferIndex
        let offset: UInt64
        let memory: UnsafeMutableRawBufferPointer
    }

    /// Nanoseconds before each piece.
    private let pause: UInt64
    private var waiting: [(due: UInt64, piece: Piece)] = []
    private var last: UInt64 = 0

    init(pause: UInt64) { self.pause = pause }

    var nextDeadline: UInt64? { waiting.first?.due }

    mutating func want(_ piece: Piece, now: UInt64) {
        last = max(last, now) + pause
        waiting.append((last, piece))
    }

    mutating func next(now: UInt64) -> Piece? {
        guard let first = waiting.first, first.due <= now else { return nil }
        return waiting.removeFirst().piece
    }

    /// What a write still waits for.
    mutating func take(of write: WriteID) -> [Piece] {
        defer { waiting.removeAll { $0.piece.write == write } }
        return waiting.map(\.piece).filter { $0.write == write }
    }
}
