import CMalloc
import Wire

/// Where a connection's bytes arrive, and where whole messages are cut off. Holds at most what one
/// receive brings beside an unfinished message.
struct FrameBuffer {
    /// Memory of long messages is the system's again when they end. Without this, malloc would keep
    /// it after the first of them, for the whole process.
    static func giveBackLongMemory() {
        _ = cmalloc_map_from(128 << 10)
    }

    private var bytes: [UInt8] = []
    private var start = 0
    private var end = 0

    /// Bytes that wait for the rest of a message.
    var buffered: Int { end - start }

    /// Lets `fill` write at most `room` bytes behind those that are there; it answers how many.
    mutating func receive(
        _ room: Int, _ fill: (UnsafeMutableRawBufferPointer) -> ServerSocket.Moved
    ) -> ServerSocket.Moved {
        makeRoom(room)
        let moved = bytes.withUnsafeMutableBytes { all in
            fill(UnsafeMutableRawBufferPointer(rebasing: all[end..<end + room]))
        }
        if case .bytes(let count) = moved { end += count }
        return moved
    }

    private mutating func makeRoom(_ room: Int) {
        if start == end {
            start = 0
            end = 0
        }
        guard bytes.count - end < room else { return }
        if start > 0 {
            bytes.withUnsafeMutableBytes { all in
                all.copyMemory(from: UnsafeRawBufferPointer(rebasing: all[start..<end]))
            }
            end -= start
            start = 0
        }
        if bytes.count - end < room {
            bytes += [UInt8](repeating: 0, count: end + room - bytes.count)
        }
    }

    /// The next whole message, or `nil` when bytes are missing.
    /// - Throws: `tooLong` as soon as the length is known; the stream cannot go on.
    mutating func next() throws(ControlFrame.Failure) -> [UInt8]? {
        guard buffered >= 4 else { return nil }
        let count =
            UInt32(bytes[start]) | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2]) << 16
            | UInt32(bytes[start + 3]) << 24
        guard count <= Limits.controlMessageBytes else { throw .tooLong(count) }
        guard buffered >= 4 + Int(count) else { return nil }
        defer { start += 4 + Int(count) }
        return Array(bytes[start + 4..<start + 4 + Int(count)])
    }

    /// Gives the memory of a long message back.
    mutating func shrink(to room: Int) {
        guard start == end, bytes.count > room else { return }
        self = FrameBuffer()
    }
}
