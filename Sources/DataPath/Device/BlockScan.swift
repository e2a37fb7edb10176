import Glibc
import Reactor
import Wire

/// Reads what a data directory has: two header pages of every block file, no payload.
public struct BlockScan: Sendable {
    public internal(set) var index = BlockIndex()
    /// Bytes of blocks on each device.
    public internal(set) var usedBytes: [UInt64] = []
    /// Files of deleted blocks on each device.
    public internal(set) var spares: [[RecycledFiles.File]] = []
    /// Files that are left alone, each with why.
    public internal(set) var strays: [String] = []

    public init(_ directories: [DataDirectory], cluster: ClusterID) {
        let pages = UnsafeMutableRawPointer.allocate(
            byteCount: 2 * BlockLayout.headerBytes, alignment: 4096)
        defer { pages.deallocate() }
        for (device, directory) in directories.enumerated() {
            usedBytes.append(0)
            spares.append([])
            for name in Self.names(in: directory.blocks) {
                scan(name, device, directory, cluster, pages)
            }
        }
    }

    private mutating func scan(
        _ name: String, _ device: Int, _ directory: DataDirectory, _ cluster: ClusterID,
        _ pages: UnsafeMutableRawPointer
    ) {
        if name.hasSuffix(SpareWriter.draftSuffix) { return }
        if let spare = RecycledFiles.number(of: name) {
            return keepSpare(spare, name, device, directory)
        }
        guard name.utf8.count == 20, name.hasSuffix(".blk"),
            let number = UInt64(name.prefix(16), radix: 16)
        else { return strays.append("\(directory.path)/blocks/\(name): not a block file's name") }
        let block = BlockID(number)
        let file = openat(directory.blocks, name, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            return strays.append("\(directory.path)/blocks/\(name): \(errorText(errno))")
        }
        defer { close(file) }
        pages.initializeMemory(as: UInt8.self, repeating: 0, count: 2 * BlockLayout.headerBytes)
        let count = pread(file, pages, 2 * BlockLayout.headerBytes, 0)
        guard count >= 0 else {
            return strays.append("\(directory.path)/blocks/\(name): \(errorText(errno))")
        }
        let place = "\(directory.path)/blocks/\(name)"
        switch BlockHeader.newest(of: pages, block: block) {
        case .success(let (header, _)):
            guard header.cluster == cluster, header.device == directory.device else {
                return strays.append(
                    "\(place): of cluster \(header.cluster), device \(header.device), "
                        + "block \(header.block)")
            }
            guard header.block == block else {
                strays.append("\(place): holds block \(header.block)")
                return mayBeLost(block, device)
            }
            keep(header, device)
        case .failure(let defect):
            strays.append("\(place): header \(defect)")
            mayBeLost(block, device)
        }
    }

    /// Begun and never described, or torn: the name is all that is known, and it may have held
    /// bytes.
    private mutating func mayBeLost(_ block: BlockID, _ device: Int) {
        guard index[block] == nil else { return }
        index.set(
            block,
            BlockRecord(
                epoch: Epoch(0), length: 0, checksum: 0, state: .mayBeLost, device: device))
    }

    /// Counts only pages that are written: what a shorter block did not need was given back.
    private mutating func keepSpare(
        _ number: UInt64, _ name: String, _ device: Int, _ directory: DataDirectory
    ) {
        var facts = stat()
        guard fstatat(directory.blocks, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            return strays.append("\(directory.path)/blocks/\(name): \(errorText(errno))")
        }
        let bytes = min(Int(facts.st_size), Int(facts.st_blocks) * 512)
        spares[device].append(
            RecycledFiles.File(
                number: number, pages: UInt32(clamping: bytes / BlockLayout.headerBytes)))
    }

    private mutating func keep(_ header: BlockHeader, _ device: Int) {
        let isSealed = header.state == .sealed
        let record = BlockRecord(
            epoch: header.epoch, length: isSealed ? header.length : 0, checksum: header.checksum,
            state: isSealed ? .sealed : .mayBeLost, device: device)
        if let other = index[header.block], other.epoch > record.epoch { return }
        usedBytes[device] += record.length
        index.set(header.block, record)
    }

    static func names(in directory: Int32) -> [String] {
        // A descriptor of its own: closedir closes it.
        guard let stream = fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        else {
            return []
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
