import Wire

@testable import DataPath

/// A sealed block file in memory, as a datanode writes it.
struct SampleBlock {
    static let cluster = ClusterID(high: 1, low: 2)
    static let device = DeviceID(high: 3, low: 4)

    let block: BlockID
    let record: BlockRecord
    var file: [UInt8]

    init(
        _ number: UInt64, length: Int, epoch: UInt64 = 1,
        using generator: inout some RandomNumberGenerator
    ) {
        block = BlockID(number)
        let payload = (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let chunks = stride(from: 0, to: length, by: Limits.chunkBytes).map {
            CRC32C.of(Array(payload[$0..<min(length, $0 + Limits.chunkBytes)]))
        }
        let isInline = chunks.count <= BlockLayout.inlineChecksums
        let table = chunks.flatMap { sum in
            (0..<4).map { UInt8(truncatingIfNeeded: sum >> ($0 * 8)) }
        }
        let whole = CRC32C.of(payload)
        let header = BlockHeader(
            state: .sealed, sequence: 2, cluster: Self.cluster, device: Self.device, block: block,
            epoch: Epoch(epoch), lease: LeaseID(high: 5, low: number), length: UInt64(length),
            maxLength: 1 << 30, checksum: whole, inlineCount: isInline ? UInt32(chunks.count) : 0,
            tableCount: isInline ? 0 : UInt32(chunks.count),
            tableChecksum: isInline ? 0 : CRC32C.of(table))
        record = BlockRecord(
            epoch: Epoch(epoch), length: UInt64(length), checksum: whole, state: .sealed, device: 0)
        file = [UInt8](
            repeating: 0,
            count: Int(BlockLayout.filePages(length: UInt64(length))) * BlockLayout.headerBytes)
        file.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var open = header
            open.state = .open
            open.sequence = 1
            open.inlineCount = 0
            open.tableCount = 0
            open.encode(into: base)
            let page = base + BlockLayout.headerBytes
            let target =
                isInline
                ? page + BlockHeader.checksumsOffset
                : base + Int(BlockLayout.tableOffset(length: UInt64(length)))
            target.copyMemory(from: table, byteCount: table.count)
            header.encode(into: page)
            (base + Int(BlockLayout.payloadOffset)).copyMemory(from: payload, byteCount: length)
        }
    }

    /// Where the bytes are that the node must not lose: the sealed header, the payload, the table.
    var covered: [Range<Int>] {
        let length = Int(record.length)
        let header =
            BlockLayout.headerBytes..<(BlockLayout.headerBytes + BlockHeader.checksumOffset + 4)
        let payload = Int(BlockLayout.payloadOffset)..<(Int(BlockLayout.payloadOffset) + length)
        let chunks = BlockLayout.chunks(length: record.length)
        guard chunks > BlockLayout.inlineChecksums else { return [header, payload] }
        let table = Int(BlockLayout.tableOffset(length: record.length))
        return [header, payload, table..<(table + chunks * 4)]
    }

    /// What the scrub finds when this file's name holds `bytes`; `nil`: the block is whole.
    func scrub(_ bytes: [UInt8], pieceBytes: Int = Limits.chunkBytes) -> ScrubFinding? {
        var check = ScrubCheck(
            block, record, cluster: Self.cluster, device: Self.device, pieceBytes: pieceBytes)
        return bytes.withUnsafeBytes { memory in
            do throws(ScrubFinding) {
                while check.step != .whole {
                    guard Int(check.transfer.offset) + check.transfer.needed <= memory.count,
                        let base = memory.baseAddress
                    else { return .tooShort }
                    try check.take(base + Int(check.transfer.offset))
                }
                return nil
            } catch {
                return error
            }
        }
    }
}
