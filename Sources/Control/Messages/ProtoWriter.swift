import Foundation

/// Writes protobuf's wire format: as SwiftProtobuf does it, fields of their default value left out.
struct ProtoWriter {
    private(set) var bytes: [UInt8]

    init(capacity: Int) {
        bytes = []
        bytes.reserveCapacity(capacity)
    }

    private mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func number(_ field: UInt64, _ number: UInt64) {
        guard number != 0 else { return }
        varint(field << 3)
        varint(number)
    }

    mutating func text(_ field: UInt64, _ text: String) {
        guard !text.isEmpty else { return }
        varint(field << 3 | 2)
        varint(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    mutating func data(_ field: UInt64, _ data: Data) {
        guard !data.isEmpty else { return }
        varint(field << 3 | 2)
        varint(UInt64(data.count))
        data.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }

    /// A message inside this one. Its count comes before its bytes and is known after them: room
    /// for one byte is kept, and bytes are moved when it needs more.
    mutating func message(_ field: UInt64, _ write: (inout ProtoWriter) -> Void) {
        varint(field << 3 | 2)
        let place = bytes.count
        bytes.append(0)
        write(&self)
        var count = bytes.count - place - 1
        guard count >= 0x80 else {
            bytes[place] = UInt8(count)
            return
        }
        var digits: [UInt8] = []
        while count >= 0x80 {
            digits.append(UInt8(truncatingIfNeeded: count) | 0x80)
            count >>= 7
        }
        digits.append(UInt8(count))
        bytes.replaceSubrange(place...place, with: digits)
    }
}
