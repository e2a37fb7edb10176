import Glibc
import Reactor
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
    /// The incarnation of the namespace that each device's directory has heard of last.
    private var heard: [NamespaceIncarnation] = []

    public init(
        _ directories: [DataDirectory], cluster: ClusterID,
        progress: (Progress) -> Void = { _ in }
    ) throws(StartFailure) {
        for (device, directory) in directories.enumerated() {
            usedBytes.append(0)
            spares.append([])
            heard.append(MarkKeeper.kept(in: directory).incarnation)
            let recovery = BlockRecovery(cluster: cluster, device: directory.device)
            let names = try Self.names(in: directory)
            for (count, name) in names.enumerated() {
                if count > 0, count % Self.filesPerProgress == 0 {
                    progress(Progress(path: directory.path, files: count, total: names.count))
                }
                scan(name, device, directory, recovery)
            }
        }
    }

    private mutating func scan(
        _ name: String, _ device: Int, _ directory: DataDirectory,
        _ recovery: borrowing BlockRecovery
    ) {
        if name.hasSuffix(SpareWriter.draftSuffix) { return }
        if let spare = RecycledFiles.number(of: name) {
            return keepSpare(spare, name, device, directory)
        }
        let place = "\(directory.path)/blocks/\(name)"
        guard let block = Self.block(of: name) else {
            return strays.append("\(place): not a block file's name")
        }
        let file = openat(
            directory.blocks, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else {
            strays.append("\(place): \(errorText(errno))")
            return mayBeLost(block, device)
        }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            return strays.append("\(place): not a regular file")
        }
        if facts.st_mode & 0o077 != 0, fchmod(file, 0o600) != 0 {
            notices.append("\(place): others may read it: \(errorText(errno))")
        }
        var notice: String?
        let finding = recovery.examine(
            block, size: UInt64(facts.st_size), notice: &notice
        ) { memory, count, offset in
            Self.read(file, memory, count, offset)
        }
        if let notice { notices.append("\(place): \(notice)") }
        keep(finding, block, device, place)
    }

    /// The block that a file is named for: 16 hexadecimal digits and `.blk`.
    static func block(of name: String) -> BlockID? {
        guard name.utf8.count == 20, name.hasSuffix(".blk"),
            let number = UInt64(hexadecimal: name.prefix(16))
        else { return nil }
        return BlockID(number)
    }

    private static func read(
        _ file: Int32, _ memory: UnsafeMutableRawPointer, _ count: Int, _ offset: UInt64
    ) -> Int {
        var done = 0
        while done < count {
            let moved = pread(file, memory + done, count - done, off_t(offset) + off_t(done))
            if moved < 0, errno == EINTR { continue }
            guard moved >= 0 else { return -1 }
            guard moved > 0 else { break }
            done += moved
        }
        return done
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
        _ number: UInt64, _ name: String, _ device: Int, _ directory: DataDirectory
    ) {
        var facts = stat()
        guard fstatat(directory.blocks, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 else {
            return strays.append("\(directory.path)/blocks/\(name): \(errorText(errno))")
        }
        guard facts.st_mode & S_IFMT == S_IFREG else {
            return strays.append("\(directory.path)/blocks/\(name): not a regular file")
        }
        if facts.st_mode & 0o077 != 0, fchmodat(directory.blocks, name, 0o600, 0) != 0 {
            notices.append("\(directory.path)/blocks/\(name): others may read it")
        }
        let bytes = min(Int(facts.st_size), Int(facts.st_blocks) * 512)
        spares[device].append(
            RecycledFiles.File(
                number: number, pages: UInt32(clamping: bytes / BlockLayout.headerBytes)))
    }

    private mutating func keep(_ header: BlockHeader, _ record: BlockRecord) {
        if let other = index[header.block], other.epoch > record.epoch { return }
        if record.state == .sealed { usedBytes[record.device] += record.length }
        index.set(header.block, record)
    }

    /// What lies in the folder of blocks; all of it, or a failure: who knows a part of its blocks
    /// would say of the others that it never had them.
    static func names(in directory: DataDirectory) throws(StartFailure) -> [String] {
        func failure() -> StartFailure {
            StartFailure(
                .directory, "\(directory.path)/blocks cannot be listed: \(errorText(errno))")
        }
        // A descriptor of its own: closedir closes it.
        let own = openat(directory.blocks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { throw failure() }
        guard let stream = fdopendir(own) else {
            close(own)
            throw failure()
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw failure() }
        return names
    }
}
