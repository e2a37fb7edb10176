/// Bytes in the order in which they came, in the pieces in which they came.
struct ByteQueue {
    private var pieces: [[UInt8]] = []
    private var head = 0
    private var offset = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        pieces.append(bytes)
        count += bytes.count
    }

    /// Moves up to `wanted` bytes to `target`.
    /// - Returns: how many.
    mutating func read(into target: UnsafeMutableRawPointer, count wanted: Int) -> Int {
        var moved = 0
        while moved < wanted, head < pieces.count {
            let span = min(wanted - moved, pieces[head].count - offset)
            pieces[head].withUnsafeBytes { source in
                let bytes = UnsafeRawBufferPointer(rebasing: source[offset..<offset + span])
                UnsafeMutableRawBufferPointer(start: target + moved, count: span)
                    .copyMemory(from: bytes)
            }
            moved += span
            offset += span
            if offset == pieces[head].count {
                pieces[head] = []
                head += 1
                offset = 0
            }
        }
        count -= moved
        if head > 64 {
            pieces.removeFirst(head)
            head = 0
        }
        return moved
    }
}
