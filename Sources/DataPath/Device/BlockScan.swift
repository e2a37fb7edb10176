import System
import Wire

/// Reads what a data directory has: two header pages of every block file, and of those that were
/// open what their last flush added.
public struct BlockScan: Sendable {
    /// How far a scan is.
    public struct Progress: Sendable {
        public let path: String
        public let files: Int
        public let total: Int
    }

    /// Progress is told after so many files.
    public static let filesPerProgress = 10_000

    public internal(set) var index = BlockIndex()
    /// Bytes of blocks on each device.
    public internal(set) var usedBytes: [UInt64] = []
    /// Files of deleted blocks on each device.
    public internal(set) var spares: [[RecycledFiles.File]] = []
    /// Files that are left alone, each with why.
    public internal(set) var strays: [String] = []
    /// What else the operator should know, each with its file.
    public internal(set) var notices: [String] = []
    /// What each device's scrub kept.
    package private(set) var scrubbed: [ScrubFile] = []
    /// The incarnation of the namespace that each device's directory has heard of last.
    private var heard: [NamespaceIncarnation] = []

    /// - Throws: when a folder cannot be listed, or a record not be read: who knows a part of its
    ///   blocks would say of the others that it never had them.
    package init<Files: Folder>(
        _ devices: [DeviceFolders<Files>], cluster: ClusterID,
        progress: (Progress) -> Void = { _ in }
    ) throws(StartFailure) {
        for device in devices { scrubbed.append(try ScrubFile.read(device.records)) }
        for (number, device) in devices.enumerated() {
            usedBytes.append(0)
            spares.append([])
            heard.append(MarkFile.read(device.records).mark.incarnation)
            let recovery = BlockRecovery(cluster: cluster, device: device.id)
            let names = try Self.names(in: device.blocks)
            for (count, name) in names.enumerated() {
                if count > 0, count % Self.filesPerProgress == 0 {
                    progress(
                        Progress(path: device.records.path, files: count, total: names.count))
                }
                scan(name, number, device.blocks, recovery)
            }
        }
        condemn()
    }

    /// Blocks that were found corrupt before are not served, whatever their headers say now.
    private mutating func condemn() {
        for (device, file) in scrubbed.enumerated() {
            for (block, epoch) in file.corrupt {
                guard var record = index[block], record.device == device,
                    record.epoch <= epoch
                else { continue }
                record.state = .corrupt
                record.epoch = epoch
                index.set(block, record)
            }
        }
    }

    private mutating func scan(
        _ name: String, _ device: Int, _ blocks: some Folder, _ recovery: borrowing BlockRecovery
    ) {
        if name.hasSuffix(SpareWriter.draftSuffix) { return }
        let place = "\(blocks.path)/\(name)"
        if let spare = RecycledFiles.number(of: name) {
            return keepSpare(spare, name, device, blocks)
        }
        guard let block = Self.block(of: name) else {
            return strays.append("\(place): not a block file's name")
        }
        do throws(FileFailure) {
            let (file, facts) = try blocks.open(name, for: .reading)
            defer { blocks.close(file) }
            tighten(name, facts, blocks)
            var notice: String?
            let finding = recovery.examine(
                block, size: facts.length, notice: &notice
            ) { memory, count, offset in
                do throws(FileFailure) {
                    return try blocks.readAll(file, into: memory, count: count, at: offset)
                } catch {
                    return -1
                }
            }
            if let notice { notices.append("\(place): \(notice)") }
            keep(finding, block, device, place)
        } catch {
            strays.append("\(place): \(error)")
            if error != .notRegular { mayBeLost(block, device) }
        }
    }

    /// An earlier version made files that others may read.
    private mutating func tighten(_ name: String, _ facts: FileFacts, _ blocks: some Folder) {
        guard facts.isShared else { return }
        do throws(FileFailure) { try blocks.makePrivate(name) } catch {
            notices.append("\(blocks.path)/\(name): others may read it: \(error)")
        }
    }

    /// The block that a file is named for: 16 hexadecimal digits and `.blk`.
    static func block(of name: String) -> BlockID? {
        guard name.utf8.count == 20, name.hasSuffix(".blk"),
            let number = UInt64(hexadecimal: name.prefix(16))
        else { return nil }
        return BlockID(number)
    }

    private mutating func keep(
        _ finding: BlockFinding, _ block: BlockID, _ device: Int, _ place: String
    ) {
        switch finding {
        case .sealed(let header):
            keep(
                header,
                BlockRecord(
                    epoch: header.epoch, length: header.length, checksum: header.checksum,
                    state: .sealed, isFound: true, device: device, incarnation: header.incarnation))
        case .prefix(let header, let length):
            keep(
                header,
                BlockRecord(
                    epoch: header.epoch, length: length, checksum: 0, state: .mayBeLost,
                    device: device, incarnation: header.incarnation))
        case .foreign(let header) where header.block == block:
            strays.append("\(place): of cluster \(header.cluster), device \(header.device)")
        case .foreign(let header):
            strays.append("\(place): holds block \(header.block)")
            mayBeLost(block, device)
        case .damaged(let why), .unreadable(let why):
            strays.append("\(place): \(why)")
            mayBeLost(block, device)
        }
    }

    /// Begun and never described, or torn: the name is all that is known, and it may have held
    /// bytes. What this node had heard of by then says whose number it is.
    private mutating func mayBeLost(_ block: BlockID, _ device: Int) {
        guard index[block] == nil else { return }
        index.set(
            block,
            BlockRecord(
                epoch: Epoch(0), length: 0, checksum: 0, state: .mayBeLost, device: device,
                incarnation: heard[device]))
    }

    /// Counts only pages that are written: what a shorter block did not need was given back.
    private mutating func keepSpare(
        _ number: UInt64, _ name: String, _ device: Int, _ blocks: some Folder
    ) {
        do throws(FileFailure) {
            let facts = try blocks.facts(of: name)
            guard facts.isRegular else { throw .notRegular }
            tighten(name, facts, blocks)
            let bytes = min(facts.length, facts.allocated)
            spares[device].append(
                RecycledFiles.File(
                    number: number,
                    pages: UInt32(clamping: bytes / UInt64(BlockLayout.headerBytes))))
        } catch {
            strays.append("\(blocks.path)/\(name): \(error)")
        }
    }

    private mutating func keep(_ header: BlockHeader, _ record: BlockRecord) {
        if let other = index[header.block], other.epoch > record.epoch { return }
        if record.state == .sealed { usedBytes[record.device] += record.length }
        index.set(header.block, record)
    }

    /// What lies in a folder of blocks; all of it, or a failure.
    static func names(in blocks: some Folder) throws(StartFailure) -> [String] {
        do throws(FileFailure) { return try blocks.names() } catch {
            throw StartFailure(.directory, "\(blocks.path) cannot be listed: \(error)")
        }
    }
}

/// Where one device keeps what a start reads.
package struct DeviceFolders<Files: Folder> {
    package let id: DeviceID
    /// The small files beside the blocks.
    package let records: Files
    package let blocks: Files

    package init(_ id: DeviceID, records: Files, blocks: Files) {
        self.id = id
        self.records = records
        self.blocks = blocks
    }
}
