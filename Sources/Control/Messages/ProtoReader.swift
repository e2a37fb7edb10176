/// Reads protobuf's wire format (protobuf.dev, "Encoding") from bytes in memory: tags, varints and
/// counted bytes, which is all that the messages of clients have. Anything else is `nil`, and the
/// general decoder has its turn.
struct ProtoReader {
    private let bytes: UnsafeRawBufferPointer
    private var index: Int
    private let end: Int

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
        index = 0
        end = bytes.count
    }

    var isAtEnd: Bool { index == end }

    mutating func varint() -> UInt64? {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while index < end, shift < 64 {
            let byte = bytes[index]
            index += 1
            number |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
        return nil
    }

    /// A varint that fits 32 bits.
    mutating func small() -> UInt32? { varint().flatMap { UInt32(exactly: $0) } }

    mutating func counted() -> UnsafeRawBufferPointer? {
        guard let count = varint(), count <= UInt64(end - index) else { return nil }
        defer { index += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[index..<index + Int(count)])
    }

    mutating func text() -> String? {
        counted().flatMap { String(validating: $0, as: UTF8.self) }
    }
}
