import Wire

/// Where things are in a block file.
///
/// ```
/// 0      header copy A, 4096 bytes
/// 4096   header copy B
/// 8192   payload, to the next page
/// ...    checksum table of a sealed block, when the header has no room for it
/// F      checksum tables of an open block's durable prefix, two in turn, likewise
/// ```
/// The two copies are written in turn under a rising sequence number, so one of them is whole
/// whatever a crash tears (the older copy rules until the newer one is valid). The table of a
/// sealed block begins at the page behind its payload; its checksum is in the header.
///
/// A block that is still open grows, so the table of its durable prefix cannot lie behind that
/// prefix. `F` is behind everything that a block of the greatest length would have, table included:
/// no later payload, and no seal of any length, comes there. Like the header copies the two tables
/// there are written in turn, each with the copy of its parity, so that a torn one leaves the older
/// copy and its table valid. Only blocks over 56 MiB have them; a seal gives their pages back.
///
/// A prefix may end inside a page, which the next write then covers again, beginning with the same
/// bytes. A device writes a sector whole or not at all (NVMe: atomic write unit power fail is at
/// least one logical block), so whatever sectors a power cut leaves of the two writes, the prefix's
/// bytes are the same in both. A device that breaks this answers the read with an error.
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
        return count <= inlineChecksums ? 0 : tableBytes(chunks: count)
    }

    /// Bytes of a table of so many checksums, whole pages.
    static func tableBytes(chunks: Int) -> Int { (chunks * 4 + 4095) / 4096 * 4096 }

    /// Of the table that an open block's header copy of this sequence names.
    static func flushTableOffset(maxLength: UInt64, sequence: UInt64) -> UInt64 {
        let table = UInt64(tableBytes(maxLength: maxLength))
        return tableOffset(length: maxLength) + (1 + sequence % 2) * table
    }

    /// Pages of a file with both of those tables.
    static func flushedFilePages(maxLength: UInt64) -> UInt32 {
        let end = tableOffset(length: maxLength) + 3 * UInt64(tableBytes(maxLength: maxLength))
        return UInt32(end / UInt64(headerBytes))
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
