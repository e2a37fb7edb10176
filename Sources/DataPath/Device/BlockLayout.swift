import Wire

/// Where things are in a block file.
///
/// ```
/// 0      header copy A, 4096 bytes
/// 4096   header copy B
/// 8192   payload, to the next page
/// ...    checksum table, when the header has no room for it
/// ```
/// The two copies are written in turn under a rising sequence number, so one of them is whole
/// whatever a crash tears (the older copy rules until the newer one is valid). The table begins at
/// the page behind the payload; its checksum is in the header.
public enum BlockLayout {
    public static let headerBytes = 4096
    public static let payloadOffset: UInt64 = 8192
    /// Checksums the header itself has room for: blocks up to 56 MiB need no table.
    public static let inlineChecksums = 896

    public static func chunks(length: UInt64) -> Int {
        Int((length + UInt64(Limits.chunkBytes) - 1) / UInt64(Limits.chunkBytes))
    }

    /// Bytes of the table for a block of at most `maxLength`, whole pages; 0 when the header
    /// suffices.
    public static func tableBytes(maxLength: UInt64) -> Int {
        let count = chunks(length: maxLength)
        return count <= inlineChecksums ? 0 : (count * 4 + 4095) / 4096 * 4096
    }

    public static func tableOffset(length: UInt64) -> UInt64 {
        payloadOffset + (length + 4095) / 4096 * 4096
    }

    /// Pages of the whole file of a block of `length`: headers, payload, table.
    public static func filePages(length: UInt64) -> UInt32 {
        let bytes = tableOffset(length: length) + UInt64(tableBytes(maxLength: length))
        return UInt32(bytes / UInt64(headerBytes))
    }

    public static func headerOffset(sequence: UInt64) -> UInt64 {
        sequence % 2 == 1 ? 0 : UInt64(headerBytes)
    }
}
