import Wire

/// Reads what `RecordWriter` wrote; every method throws when the record ends too early.
struct RecordReader {
    struct Malformed: Error {}

    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func number() throws(Malformed) -> UInt64 {
        var number: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard let byte = rest.popFirst() else { throw Malformed() }
            number |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return number }
        }
        throw Malformed()
    }

    mutating func signed() throws(Malformed) -> Int64 {
        let number = try self.number()
        return Int64(bitPattern: number >> 1) ^ -Int64(bitPattern: number & 1)
    }

    mutating func flag() throws(Malformed) -> Bool {
        guard let byte = rest.popFirst(), byte < 2 else { throw Malformed() }
        return byte == 1
    }

    mutating func identifier<Tag>(_ tag: Tag.Type = Tag.self) throws(Malformed) -> Identifier<Tag> {
        guard let identifier = Identifier<Tag>(bytes: rest.prefix(16)) else { throw Malformed() }
        rest = rest.dropFirst(16)
        return identifier
    }

    mutating func counted() throws(Malformed) -> [UInt8] {
        let count = try number()
        guard count <= UInt64(rest.count) else { throw Malformed() }
        defer { rest = rest.dropFirst(Int(count)) }
        return Array(rest.prefix(Int(count)))
    }

    /// Nothing may be left over.
    func end() throws(Malformed) {
        guard rest.isEmpty else { throw Malformed() }
    }
}
