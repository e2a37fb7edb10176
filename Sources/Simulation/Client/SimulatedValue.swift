import Client
import Wire

/// A value that a simulated client writes: its bytes follow from a seed, so that anybody can tell
/// them without keeping them.
package struct SimulatedValue: Equatable, Sendable {
    package let seed: UInt64
    package let length: Int
    package let durability: CloseDurability

    /// The eight bytes at `8 * index`.
    private func word(_ index: UInt64) -> UInt64 {
        var mixed = (index &+ seed) &* 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 32)) &* 0xd6e8_feb8_6659_fd93
        return mixed ^ (mixed >> 32)
    }

    func byte(_ offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: word(UInt64(offset / 8)) >> UInt64(offset % 8 * 8))
    }

    /// Fills memory with the bytes from `offset` on.
    func fill(_ memory: UnsafeMutableRawBufferPointer, from offset: Int) {
        var at = 0
        while at < memory.count {
            let place = offset + at
            if place % 8 == 0, at + 8 <= memory.count {
                let value = word(UInt64(place / 8)).littleEndian
                memory.storeBytes(of: value, toByteOffset: at, as: UInt64.self)
                at += 8
            } else {
                memory[at] = byte(place)
                at += 1
            }
        }
    }

    func bytes(_ range: Range<Int>) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: range.count)
        result.withUnsafeMutableBytes { fill($0, from: range.lowerBound) }
        return result
    }

    /// CRC32C of a part.
    func checksum(_ range: Range<Int>) -> UInt32 { CRC32C.of(bytes(range)) }
}
