import Glibc
import Reactor
import System
import Wire

/// Why a block is corrupt, in words for the log.
struct ScrubFinding: Error, Equatable, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }

    static let tooShort = Self("its file is too short")

    /// A read that failed; `nil` when that says nothing about the device: we ended it, or memory
    /// was short.
    init?(unreadable outcome: Outcome) {
        switch outcome {
        case .done, .again, .cancelled, .failed(ENOMEM): return nil
        case .disconnected(let number), .full(let number), .failed(let number):
            description = "the device cannot read it: \(errorText(number))"
        }
    }
}

/// Compares one block file with what the node knows of the block and with the file's own checksums,
/// part by part, in the order in which it is read: the two header pages, the checksum table when
/// there is one, the payload.
///
/// It finds a bit that changed, a file of another block under this name, the content of another
/// block in this file, an older state of the file put back, and a file that is too short. It does
/// no I/O; the same checks serve the ring, the simulation and the tests.
struct ScrubCheck {
    enum Step: Equatable {
        case header
        case table
        /// The bytes of the block from here on, at most so many.
        case payload(offset: UInt64, count: Int)
        case whole
    }

    /// What a pass counts for a block: its bytes and its header pages.
    static func cost(length: UInt64) -> UInt64 { length + BlockLayout.payloadOffset }

    let block: BlockID
    let record: BlockRecord
    private let cluster: ClusterID
    private let device: DeviceID
    /// Whole chunks.
    private let pieceBytes: Int
    private(set) var step = Step.header
    private var checksums: [UInt32] = []
    private var tableChecksum: UInt32 = 0

    init(
        _ block: BlockID, _ record: BlockRecord, cluster: ClusterID, device: DeviceID,
        pieceBytes: Int
    ) {
        precondition(pieceBytes % Limits.chunkBytes == 0, "chunks are compared whole")
        self.block = block
        self.record = record
        self.cluster = cluster
        self.device = device
        self.pieceBytes = pieceBytes
    }

    /// The step wants bytes of the block, and not what its file says of it.
    var isAtPayload: Bool { if case .payload = step { true } else { false } }

    /// The read that the step wants.
    var transfer: PageTransfer {
        switch step {
        case .header, .whole: .headers
        case .table: .table(length: record.length)
        case .payload(let offset, let count):
            PageTransfer(
                offset: BlockLayout.payloadOffset + offset, count: (count + 4095) / 4096 * 4096,
                needed: count)
        }
    }

    /// Takes the bytes of the step and moves on.
    mutating func take(_ memory: UnsafeRawPointer) throws(ScrubFinding) {
        switch step {
        case .header: try takeHeader(memory)
        case .table: try takeTable(memory)
        case .payload(let offset, let count): try takePayload(memory, offset, count)
        case .whole: preconditionFailure("a block that was read whole has no more steps")
        }
    }

    private mutating func takeHeader(_ pages: UnsafeRawPointer) throws(ScrubFinding) {
        let (header, page) = try Self.header(of: pages, block, record, cluster)
        guard header.device == device else {
            throw ScrubFinding("its header names device \(header.device)")
        }
        guard header.tableCount == 0 else {
            tableChecksum = header.tableChecksum
            step = .table
            return
        }
        try keep(pages + page * BlockLayout.headerBytes + BlockHeader.checksumsOffset)
    }

    /// The newer of two header pages, when it is of this sealed block as the node knows it.
    static func header(
        of pages: UnsafeRawPointer, _ block: BlockID, _ record: BlockRecord, _ cluster: ClusterID
    ) throws(ScrubFinding) -> (header: BlockHeader, page: Int) {
        let header: BlockHeader
        let page: Int
        switch BlockHeader.newest(of: pages, block: block) {
        case .success(let newest): (header, page) = newest
        case .failure(let defect): throw ScrubFinding("its header: \(defect)")
        }
        guard header.cluster == cluster else {
            throw ScrubFinding("its header names cluster \(header.cluster)")
        }
        guard header.block == block else {
            throw ScrubFinding("its header names block \(header.block)")
        }
        guard header.epoch == record.epoch else {
            throw ScrubFinding("its header is of epoch \(header.epoch), not \(record.epoch)")
        }
        guard header.state == .sealed else { throw ScrubFinding("its header says that it is open") }
        guard header.length == record.length else {
            throw ScrubFinding("its header says \(header.length) bytes, not \(record.length)")
        }
        guard header.checksum == record.checksum else {
            throw ScrubFinding("its header has another block's checksum")
        }
        return (header, page)
    }

    private mutating func takeTable(_ table: UnsafeRawPointer) throws(ScrubFinding) {
        let chunks = BlockLayout.chunks(length: record.length)
        guard CRC32C.of(table, count: chunks * 4) == tableChecksum else {
            throw ScrubFinding("its checksum table")
        }
        try keep(table)
    }

    /// The chunks' checksums have to make up the block's, so that none is of another block.
    private mutating func keep(_ stored: UnsafeRawPointer) throws(ScrubFinding) {
        let chunks = BlockLayout.chunks(length: record.length)
        checksums = (0..<chunks).map { stored.loadLittle(UInt32.self, at: $0 * 4) }
        var whole: UInt32 = 0
        let shift = CRC32C.shift(by: UInt64(Limits.chunkBytes))
        for chunk in 0..<chunks {
            let size = Self.bytes(of: chunk, length: record.length)
            let factor = size == Limits.chunkBytes ? shift : CRC32C.shift(by: UInt64(size))
            whole = CRC32C.multiply(whole, factor) ^ checksums[chunk]
        }
        guard whole == record.checksum else {
            throw ScrubFinding("its chunks' checksums do not make up the block's")
        }
        proceed(to: 0)
    }

    private mutating func takePayload(
        _ memory: UnsafeRawPointer, _ offset: UInt64, _ count: Int
    ) throws(ScrubFinding) {
        var chunk = Int(offset / UInt64(Limits.chunkBytes))
        var done = 0
        while done < count {
            let size = Self.bytes(of: chunk, length: record.length)
            guard CRC32C.of(memory + done, count: size) == checksums[chunk] else {
                throw ScrubFinding("chunk \(chunk), at byte \(chunk * Limits.chunkBytes)")
            }
            done += size
            chunk += 1
        }
        proceed(to: offset + UInt64(count))
    }

    private mutating func proceed(to offset: UInt64) {
        let left = record.length - offset
        step =
            left == 0
            ? .whole : .payload(offset: offset, count: Int(min(left, UInt64(pieceBytes))))
    }

    private static func bytes(of chunk: Int, length: UInt64) -> Int {
        Int(min(UInt64(Limits.chunkBytes), length - UInt64(chunk) * UInt64(Limits.chunkBytes)))
    }
}
