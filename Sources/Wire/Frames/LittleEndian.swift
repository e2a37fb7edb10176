extension UnsafeRawPointer {
    /// A little-endian integer at a byte offset, aligned or not.
    @inlinable
    public func loadLittle<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type, at offset: Int
    ) -> Number {
        Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}

extension UnsafeMutableRawPointer {
    /// Stores an integer little-endian at a byte offset, aligned or not.
    @inlinable
    public func storeLittle<Number: FixedWidthInteger & BitwiseCopyable>(
        _ number: Number, at offset: Int
    ) {
        storeBytes(of: number.littleEndian, toByteOffset: offset, as: Number.self)
    }
}
