/// Which memory a ring fills and reads at the moment. Memory that one operation fills belongs to it
/// alone; memory that is read may be read by several, as a frame is by the device and by the next
/// node.
struct MemoryLedger {
    private struct Span {
        var start: UInt
        var end: UInt
        var owner: UInt64

        init(_ bytes: UnsafeRawBufferPointer, owner: UInt64) {
            start = UInt(bitPattern: bytes.baseAddress)
            end = start + UInt(bytes.count)
            self.owner = owner
        }

        func overlaps(_ other: Self) -> Bool { start < other.end && other.start < end }
    }

    private var filled: [Span] = []
    private var read: [Span] = []

    mutating func take(_ operation: SimulatedOperation) {
        if let target = operation.target, target.count > 0 {
            let span = Span(target, owner: operation.number)
            precondition(
                !filled.contains { $0.overlaps(span) },
                "a receive or read into memory that another receive or read in flight fills")
            precondition(
                !read.contains { $0.overlaps(span) },
                "a receive or read into memory that a send or write in flight still reads")
            filled.append(span)
        }
        if let source = operation.source, source.count > 0 {
            let span = Span(source, owner: operation.number)
            precondition(
                !filled.contains { $0.overlaps(span) },
                "a send or write of memory that a receive or read in flight fills")
            read.append(span)
        }
    }

    mutating func giveBack(_ operation: SimulatedOperation) {
        if operation.target != nil { filled.removeAll { $0.owner == operation.number } }
        if operation.source != nil { read.removeAll { $0.owner == operation.number } }
    }
}
