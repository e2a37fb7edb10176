import CISAL

/// CRC32C (Castagnoli polynomial, RFC 3720 appendix B.4), computed by ISA-L.
public enum CRC32C {
    /// The checksum of `count` bytes, or of what `seed` covers followed by them.
    ///
    /// ISA-L's `crc32_iscsi` keeps the register un-inverted and takes a non-const pointer that it
    /// only reads.
    @inlinable
    public static func of(_ bytes: UnsafeRawPointer, count: Int, seed: UInt32 = 0) -> UInt32 {
        let readOnly = UnsafeMutablePointer(
            mutating: bytes.assumingMemoryBound(to: UInt8.self))
        return ~crc32_iscsi(readOnly, Int32(count), ~seed)
    }

    public static func of(_ bytes: [UInt8]) -> UInt32 {
        bytes.withUnsafeBytes { buffer in
            buffer.baseAddress.map { of($0, count: buffer.count) } ?? 0
        }
    }

    /// The checksum of A followed by B from the checksums of A and of B and B's length, without the
    /// bytes.
    ///
    /// Appending n zero bytes multiplies A's register by x^8n modulo the polynomial; the powers
    /// x^(2^k) are a table, so the product takes at most 64 multiplications (M. Adler's
    /// `crc32_combine` in zlib).
    public static func combine(_ first: UInt32, _ second: UInt32, secondLength: UInt64) -> UInt32 {
        multiply(first, shift(by: secondLength)) ^ second
    }

    /// x^(8 `bytes`) modulo the polynomial, to be kept where many pieces of one length are
    /// combined.
    public static func shift(by bytes: UInt64) -> UInt32 {
        var product: UInt32 = 1 << 31
        var remaining = bytes << 3
        var power = 0
        while remaining != 0 {
            if remaining & 1 != 0 { product = multiply(powers[power], product) }
            remaining >>= 1
            power += 1
        }
        return product
    }

    /// The product of two polynomials over GF(2), bit-reflected, modulo the Castagnoli polynomial.
    public static func multiply(_ left: UInt32, _ right: UInt32) -> UInt32 {
        var product: UInt32 = 0
        var factor = right
        var mask: UInt32 = 1 << 31
        while mask != 0 {
            if left & mask != 0 { product ^= factor }
            factor = factor & 1 != 0 ? factor >> 1 ^ 0x82f6_3b78 : factor >> 1
            mask >>= 1
        }
        return product
    }

    /// x^(2^k) for k in 0..<64.
    private static let powers: [UInt32] = {
        var table: [UInt32] = [1 << 30]
        for _ in 1..<64 { table.append(multiply(table[table.count - 1], table[table.count - 1])) }
        return table
    }()
}
