import Wire

@testable import DataPath

/// A block file in memory, as a datanode would have written it.
struct BlockImage {
    static let cluster = ClusterID(high: 1, low: 2)
    static let device = DeviceID(high: 3, low: 4)
    static let block = BlockID(5)

    var bytes: [UInt8]
    /// Of the newest copy.
    private var newest: UInt64 = 1

    static func byte(_ offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: offset &* 31 ^ offset >> 9)
    }

    /// - Parameter flushes: lengths of the prefixes that were flushed, in order.
    init(flushes: [UInt64], sealed: UInt64? = nil, isBlank: Bool = false) {
        let end = max(flushes.last ?? 0, sealed ?? 0)
        bytes = [UInt8](repeating: 0, count: Int(BlockLayout.payloadOffset))
        bytes += (0..<Int(end)).map(Self.byte)
        guard !isBlank else { return }
        put(.open, 0, sequence: 1)
        for length in flushes {
            newest += 1
            put(.open, length, sequence: newest)
        }
        if let sealed {
            newest += 1
            put(.sealed, sealed, sequence: newest)
        }
    }

    private mutating func put(_ state: BlockHeader.State, _ length: UInt64, sequence: UInt64) {
        let chunks = BlockLayout.chunks(length: length)
        let header = BlockHeader(
            state: state, sequence: sequence, cluster: Self.cluster, device: Self.device,
            block: Self.block, epoch: Epoch(6), lease: LeaseID(high: 7, low: 8), length: length,
            maxLength: 1 << 20, checksum: 0, inlineCount: UInt32(chunks), tableCount: 0,
            tableChecksum: 0)
        let start = Int(BlockLayout.payloadOffset)
        bytes.withUnsafeMutableBytes { memory in
            guard let base = memory.baseAddress else { return }
            let page = base + Int(BlockLayout.headerOffset(sequence: sequence))
            for chunk in 0..<chunks {
                let first = chunk * Limits.chunkBytes
                let count = min(Limits.chunkBytes, Int(length) - first)
                page.storeLittle(
                    CRC32C.of(base + start + first, count: count),
                    at: BlockHeader.checksumsOffset + 4 * chunk)
            }
            header.encode(into: page)
        }
    }

    /// The newest copy's page has its new bytes up to `cut`, then those of `before`, or `tail`.
    mutating func tearNewest(at cut: Int, _ before: BlockImage, _ tail: UInt8?) {
        let page = Int(BlockLayout.headerOffset(sequence: newest))
        for offset in page + cut..<page + BlockLayout.headerBytes {
            bytes[offset] = tail ?? before.bytes[offset]
        }
    }

    private func examine(
        _ cluster: ClusterID, _ device: DeviceID, _ block: BlockID
    ) -> (BlockFinding, String?) {
        var notice: String?
        let finding = BlockRecovery(cluster: cluster, device: device).examine(
            block, size: UInt64(bytes.count), notice: &notice
        ) { memory, count, offset in
            let piece = bytes.dropFirst(Int(offset)).prefix(count)
            UnsafeMutableRawBufferPointer(start: memory, count: piece.count).copyBytes(from: piece)
            return piece.count
        }
        return (finding, notice)
    }

    func find(
        cluster: ClusterID = cluster, device: DeviceID = device, block: BlockID = block
    ) -> BlockFinding { examine(cluster, device, block).0 }

    var finding: BlockFinding { find() }
    var notice: String? { examine(Self.cluster, Self.device, Self.block).1 }

    var isSealed: Bool {
        if case .sealed = finding { true } else { false }
    }

    /// What is known of it; `nil` when nothing is.
    var length: UInt64? {
        switch finding {
        case .sealed(let header): header.length
        case .prefix(_, let length): length
        case .damaged, .foreign, .unreadable: nil
        }
    }
}

/// A file of a block over 56 MiB whose payload is zeros; only what is not zero is kept.
struct TableImage {
    private static let maxLength: UInt64 = 64 << 20
    private let pages: [UInt8]
    private var tables: [UInt64: [UInt8]] = [:]
    private let end: UInt64

    /// - Parameters:
    ///   - lengths: of two flushed prefixes, in whole chunks.
    ///   - damagedTable: of the first (0), the second (1) or both (2).
    init(lengths: [UInt64], damagedTable: Int?) {
        let zeros = [UInt8](repeating: 0, count: Limits.chunkBytes)
        let checksum = zeros.withUnsafeBytes { CRC32C.of($0.baseAddress!, count: $0.count) }
        var pages = [UInt8](repeating: 0, count: 2 * BlockLayout.headerBytes)
        for (place, length) in lengths.enumerated() {
            let sequence = UInt64(place) + 2
            let count = BlockLayout.chunks(length: length)
            var table = [UInt8](repeating: 0, count: 4 * count)
            let tableChecksum = table.withUnsafeMutableBytes { memory in
                let base = memory.baseAddress!
                for chunk in 0..<count { base.storeLittle(checksum, at: 4 * chunk) }
                return CRC32C.of(base, count: 4 * count)
            }
            if damagedTable == place || damagedTable == 2 { table[17] ^= 1 }
            let header = BlockHeader(
                state: .open, sequence: sequence, cluster: BlockImage.cluster,
                device: BlockImage.device, block: BlockImage.block, epoch: Epoch(6),
                lease: LeaseID(high: 7, low: 8), length: length, maxLength: Self.maxLength,
                checksum: 0, inlineCount: 0, tableCount: UInt32(count),
                tableChecksum: tableChecksum)
            pages.withUnsafeMutableBytes { memory in
                header.encode(
                    into: memory.baseAddress!
                        + Int(BlockLayout.headerOffset(sequence: sequence)))
            }
            tables[
                BlockLayout.flushTableOffset(maxLength: Self.maxLength, sequence: sequence)] =
                table
        }
        self.pages = pages
        end = BlockLayout.payloadOffset + (lengths.last ?? 0)
    }

    var finding: BlockFinding {
        var notice: String?
        let recovery = BlockRecovery(cluster: BlockImage.cluster, device: BlockImage.device)
        return recovery.examine(BlockImage.block, size: end, notice: &notice) {
            memory, count, offset in
            memory.initializeMemory(as: UInt8.self, repeating: 0, count: count)
            let source = offset == 0 ? pages : tables[offset] ?? []
            UnsafeMutableRawBufferPointer(start: memory, count: min(count, source.count))
                .copyBytes(from: source.prefix(count))
            return count
        }
    }
}

extension BlockFinding {
    enum Short: Equatable {
        case sealed
        case prefix(UInt64)
        case damaged, foreign, unreadable
    }

    var short: Short {
        switch self {
        case .sealed: .sealed
        case .prefix(_, let length): .prefix(length)
        case .damaged: .damaged
        case .foreign: .foreign
        case .unreadable: .unreadable
        }
    }

    var isForeign: Bool { short == .foreign }
}
