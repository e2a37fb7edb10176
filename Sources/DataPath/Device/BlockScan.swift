import Glibc
import Reactor
import Wire

/// Reads what a data directory has: two header pages of every block file, no payload.
public struct BlockScan: Sendable {
    public internal(set) var index = BlockIndex()
    /// Bytes of blocks on each device.
    public internal(set) var usedBytes: [UInt64] = []
    /// Files that are left alone, each with why.
    public internal(set) var strays: [String] = []

    public init(_ directories: [DataDirectory], cluster: ClusterID) {
        let pages = UnsafeMutableRawPointer.allocate(
            byteCount: 2 * BlockLayout.headerBytes, alignment: 4096)
        defer { pages.deallocate() }
        for (device, directory) in directories.enumerated() {
            usedBytes.append(0)
            for name in Self.names(in: directory.blocks) {
                scan(name, device, directory, cluster, pages)
            }
        }
    }

    private mutating func scan(
        _ name: String, _ device: Int, _ directory: DataDirectory, _ cluster: ClusterID,
        _ pages: UnsafeMutableRawPointer
    ) {
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
        switch BlockHeader.newest(of: pages) {
        case .success(let (header, _)):
            guard header.cluster == cluster, header.device == directory.device,
                header.block == block
            else {
                return strays.append(
                    "\(place): of cluster \(header.cluster), device \(header.device), "
                        + "block \(header.block)")
            }
            keep(header, device)
        case .failure(let defect):
            // Begun and never described, or torn: the name is all that is known, and it may have
            // held bytes.
            strays.append("\(place): header \(defect)")
            guard index[block] == nil else { return }
            index.set(
                block,
                BlockRecord(
                    epoch: Epoch(0), length: 0, checksum: 0, state: .mayBeLost, device: device))
        }
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
