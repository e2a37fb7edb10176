import Wire

/// A block file's own account of itself: one page, little-endian.
///
/// | offset | bytes | field |
/// |---|---|---|
/// | 0 | 8 | magic, the characters `CTNABLK1` |
/// | 8 | 4 | format, 1 |
/// | 12 | 4 | state: 1 open, 2 sealed |
/// | 16 | 8 | sequence of this copy |
/// | 24 | 16 | cluster |
/// | 40 | 16 | device |
/// | 56 | 8 | block |
/// | 64 | 8 | epoch |
/// | 72 | 16 | lease |
/// | 88 | 8 | length; of an open block: of the prefix that this copy describes |
/// | 96 | 8 | max length |
/// | 104 | 4 | CRC32C of the block; 0 while it is open |
/// | 108 | 4 | chunk bytes |
/// | 112 | 4 | checksums in this page |
/// | 116 | 4 | checksums in the table |
/// | 120 | 4 | CRC32C of the table's checksums |
/// | 124 | 8 | zero |
/// | 132 | 4 | incarnation of the namespace that made the block; 0: made before it was kept |
/// | 136 | 120 | zero |
/// | 256 | 3584 | checksums |
/// | 3840 | 4 | CRC32C of the bytes 0 to 3839 |
/// | 3844 | 252 | not covered: a frame header may lie there when page and payload go together |
public struct BlockHeader: Equatable, Sendable {
    public enum State: UInt32, Sendable {
        case open = 1
        case sealed = 2
    }

    public enum Defect: Error, Equatable, Sendable {
        /// No header of ours: never written, or another program's file.
        case absent
        case checksum
        case format(UInt32)
        case state(UInt32)
        case count
    }

    static let magic: UInt64 = 0x314b_4c42_414e_5443
    static let format: UInt32 = 1
    static let checksumOffset = 3840

    public var state: State
    public var sequence: UInt64
    public var cluster: ClusterID
    public var device: DeviceID
    public var block: BlockID
    public var epoch: Epoch
    public var lease: LeaseID
    public var length: UInt64
    public var maxLength: UInt64
    public var checksum: UInt32
    public var inlineCount: UInt32
    public var tableCount: UInt32
    public var tableChecksum: UInt32
    public var incarnation = NamespaceIncarnation.unknown

    static let checksumsOffset = 256
}

extension BlockHeader {
    /// Writes one page; the chunk checksums inside it are stored by the caller first.
    func encode(into page: UnsafeMutableRawPointer) {
        page.storeLittle(Self.magic, at: 0)
        page.storeLittle(Self.format, at: 8)
        page.storeLittle(state.rawValue, at: 12)
        page.storeLittle(sequence, at: 16)
        store(cluster.high, cluster.low, at: 24, page)
        store(device.high, device.low, at: 40, page)
        page.storeLittle(block.number, at: 56)
        page.storeLittle(epoch.number, at: 64)
        store(lease.high, lease.low, at: 72, page)
        page.storeLittle(length, at: 88)
        page.storeLittle(maxLength, at: 96)
        page.storeLittle(checksum, at: 104)
        page.storeLittle(UInt32(Limits.chunkBytes), at: 108)
        page.storeLittle(inlineCount, at: 112)
        page.storeLittle(tableCount, at: 116)
        page.storeLittle(tableChecksum, at: 120)
        (page + 124).initializeMemory(as: UInt8.self, repeating: 0, count: 132)
        page.storeLittle(incarnation.number, at: 132)
        page.storeLittle(CRC32C.of(page, count: Self.checksumOffset), at: Self.checksumOffset)
    }

    /// Identifiers keep the order in which they are written: big-endian halves.
    private func store(
        _ high: UInt64, _ low: UInt64, at offset: Int, _ page: UnsafeMutableRawPointer
    ) {
        page.storeLittle(high.byteSwapped, at: offset)
        page.storeLittle(low.byteSwapped, at: offset + 8)
    }

    init(decoding page: UnsafeRawPointer) throws(Defect) {
        guard page.loadLittle(UInt64.self, at: 0) == Self.magic else { throw .absent }
        guard
            page.loadLittle(UInt32.self, at: Self.checksumOffset)
                == CRC32C.of(page, count: Self.checksumOffset)
        else { throw .checksum }
        let format = page.loadLittle(UInt32.self, at: 8)
        guard format == Self.format else { throw .format(format) }
        let rawState = page.loadLittle(UInt32.self, at: 12)
        guard let state = State(rawValue: rawState) else { throw .state(rawState) }
        func identifier<Tag>(_ offset: Int) -> Identifier<Tag> {
            Identifier(
                high: page.loadLittle(UInt64.self, at: offset).byteSwapped,
                low: page.loadLittle(UInt64.self, at: offset + 8).byteSwapped)
        }
        self.state = state
        sequence = page.loadLittle(UInt64.self, at: 16)
        cluster = identifier(24)
        device = identifier(40)
        block = BlockID(page.loadLittle(UInt64.self, at: 56))
        epoch = Epoch(page.loadLittle(UInt64.self, at: 64))
        lease = identifier(72)
        length = page.loadLittle(UInt64.self, at: 88)
        maxLength = page.loadLittle(UInt64.self, at: 96)
        checksum = page.loadLittle(UInt32.self, at: 104)
        inlineCount = page.loadLittle(UInt32.self, at: 112)
        tableCount = page.loadLittle(UInt32.self, at: 116)
        tableChecksum = page.loadLittle(UInt32.self, at: 120)
        incarnation = NamespaceIncarnation(page.loadLittle(UInt32.self, at: 132))
        let chunks = BlockLayout.chunks(length: min(length, UInt64(Limits.blockBytes.upperBound)))
        guard length <= Limits.blockBytes.upperBound,
            page.loadLittle(UInt32.self, at: 108) == UInt32(Limits.chunkBytes),
            inlineCount <= BlockLayout.inlineChecksums,
            Int(inlineCount) + Int(tableCount) == chunks, inlineCount == 0 || tableCount == 0
        else { throw .count }
    }

    /// Picks the newer valid copy of `block` among two pages that lie behind each other.
    ///
    /// A copy that names another block is of the file's earlier life (`RecycledFiles`): block
    /// numbers are never given twice, so it can be told from a copy of this one.
    package static func newest(
        of pages: UnsafeRawPointer, block: BlockID
    ) -> Result<(header: BlockHeader, page: Int), Defect> {
        switch newest(of: pages) {
        case .success(let newest) where newest.header.block != block:
            let other = 1 - newest.page
            do throws(Defect) {
                let header = try BlockHeader(decoding: pages + other * BlockLayout.headerBytes)
                guard header.block == block else { return .success(newest) }
                return .success((header, other))
            } catch {
                return .success(newest)
            }
        case let answer: return answer
        }
    }

    /// The copy of `block` that has the checksums of its first `length` bytes: a sealed one of this
    /// length, or the newest open one that describes at least that much, with a chunk's end there
    /// or its own.
    static func describing(
        _ length: UInt64, of block: BlockID, _ pages: UnsafeRawPointer
    ) -> (header: BlockHeader, page: Int)? {
        var found: (header: BlockHeader, page: Int)?
        for page in 0...1 {
            let copy = Result { () throws(Defect) in
                try BlockHeader(decoding: pages + page * BlockLayout.headerBytes)
            }
            guard case .success(let header) = copy, header.block == block,
                header.length == length
                    || header.state == .open && header.length > length
                        && length % UInt64(Limits.chunkBytes) == 0,
                header.sequence > found?.header.sequence ?? 0
            else { continue }
            found = (header, page)
        }
        return found
    }

    /// Picks the newer valid copy, whatever block it is of.
    package static func newest(
        of pages: UnsafeRawPointer
    ) -> Result<(header: BlockHeader, page: Int), Defect> {
        let first = Result { () throws(Defect) in try BlockHeader(decoding: pages) }
        let second = Result { () throws(Defect) in
            try BlockHeader(decoding: pages + BlockLayout.headerBytes)
        }
        switch (first, second) {
        case (.success(let a), .success(let b)):
            return .success(a.sequence > b.sequence ? (a, 0) : (b, 1))
        case (.success(let a), .failure): return .success((a, 0))
        case (.failure, .success(let b)): return .success((b, 1))
        case (.failure(let a), .failure(let b)): return .failure(a == .absent ? b : a)
        }
    }
}
