import CURing
import Glibc
import Reactor
import System
import Wire

/// One data directory at start-up: locked, identified, probed. Plain system calls, before any
/// reactor runs.
///
/// ```
/// DIR/lock      held (flock) by the process that uses the directory
/// DIR/device    DeviceIdentity
/// DIR/namespace MarkFile
/// DIR/scrub     ScrubFile
/// DIR/blocks/   one file a block, named by its number in hexadecimal
/// ```
public struct DataDirectory: Sendable {
    public let path: String
    let directory: Int32
    let blocks: Int32
    /// Kept open for the process's life: the lock ends with it.
    let lock: Int32
    /// What its file `device` said at the start.
    let identity: DeviceIdentity
    /// Which folder it is on its file system: the inode of `blocks`, and when that was made, which
    /// no copy keeps. `nil` where the file system does not say.
    let origin: String?
    /// Tells those of one file system from others (`SystemFiles`).
    let fileSystem: UInt64
    public let isDirect: Bool
    /// What the operator should know of it.
    let notices: [String]

    public var cluster: ClusterID? { identity.cluster }
    public var node: NodeID { identity.node }
    public var device: DeviceID { identity.device }
    /// What lies in it beside the folder of blocks.
    var records: KernelFolder { KernelFolder(path, directory) }
    var folders: DeviceFolders<KernelFolder> {
        DeviceFolders(device, records: records, blocks: KernelFolder(path + "/blocks", blocks))
    }

    /// Locks `path`, makes what is missing in it, and checks that it can be written.
    /// - Parameter node: the node's id when an earlier directory named it.
    public static func open(_ path: String, node: NodeID?) throws(StartFailure) -> DataDirectory {
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw refused("cannot make", path, errno) }
        let directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw refused("cannot open", path, errno) }
        let lock = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw refused("cannot write in", path, errno) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw StartFailure(
                .taken, "\(path) is in use by another datanode: stop it, or use another directory")
        }
        if mkdirat(directory, "blocks", 0o700) != 0, errno != EEXIST {
            throw refused("cannot write in", path, errno)
        }
        let blocks = openat(directory, "blocks", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard blocks >= 0 else { throw refused("cannot open", path + "/blocks", errno) }
        let notices = makePrivate(directory, blocks, path)
        let isDirect = try isDirect(blocks, directory, path)
        let origin = origin(of: blocks)
        let identity = try DeviceIdentity.find(
            in: KernelFolder(path, directory), node: node, origin: origin)
        return DataDirectory(
            path: path, directory: directory, blocks: blocks, lock: lock, identity: identity,
            origin: origin, fileSystem: SystemFiles.fileSystem(of: blocks), isDirect: isDirect,
            notices: notices)
    }

    /// What an earlier version made for others to read is closed to them: `catena get` asks for a
    /// token, and the files behind it are not to be had without one.
    private static func makePrivate(_ directory: Int32, _ blocks: Int32, _ path: String) -> [String]
    {
        var notices: [String] = []
        func tighten(_ result: Int32, _ name: String) {
            guard result != 0, errno != ENOENT, errno != EROFS else { return }
            notices.append("others may read \(path)\(name): \(errorText(errno))")
        }
        tighten(fchmod(directory, 0o700), "")
        tighten(fchmod(blocks, 0o700), "/blocks")
        for name in ["lock", "device", ScrubFile.name, MarkFile.name] {
            tighten(fchmodat(directory, name, 0o600, 0), "/" + name)
        }
        return notices
    }

    private static func origin(of blocks: Int32) -> String? {
        var facts = stat()
        let birth = curing_birth_time(blocks)
        guard birth != 0, fstat(blocks, &facts) == 0 else { return nil }
        return hexadecimal(UInt64(facts.st_ino), digits: 16) + "."
            + hexadecimal(birth, digits: 16)
    }

    /// Refuses a cluster that the directory does not belong to; an unbound one fits every cluster.
    func check(_ cluster: ClusterID) throws(StartFailure) {
        guard let own = self.cluster, own != cluster else { return }
        throw StartFailure(
            .configuration,
            "\(path) belongs to cluster \(own), and the namenode's is \(cluster): "
                + "use another directory, or the namenode it belongs to")
    }

    /// Binds the directory to the cluster that took its node in, durably.
    func bind(to cluster: ClusterID) throws(StartFailure) {
        guard self.cluster == nil else { return }
        var identity = identity
        identity.cluster = cluster
        try identity.write(to: records)
    }

    /// The most that spare files may hold: what is to be recycled, never more than a tenth of the
    /// file system, or what is preallocated, in whole files for each reactor.
    func spareBytes(_ settings: DatanodeSettings, reactors: Int) -> UInt64 {
        let file = RecycledFiles.File(
            number: 0, pages: BlockLayout.filePages(length: settings.preallocateBlock))
        let preallocated =
            settings.preallocateBytes == 0
            ? 0 : settings.preallocateBytes + UInt64(reactors) * file.bytes
        return max(preallocated, min(settings.recycleBytes, space().capacity / 10))
    }

    /// What a reactor needs of it.
    /// - Parameter recycleBytes: the most that spare files may hold for this reactor.
    func device(usedBytes: UInt64, recycleBytes: UInt64) -> Device {
        Device(
            id: device, path: path, blocks: .plain(blocks), isDirect: isDirect,
            usedBytes: usedBytes,
            recycled: RecycledFiles(mostBytes: recycleBytes))
    }

    /// Bytes the file system has, and has free for us.
    public func space() -> (capacity: UInt64, free: UInt64) { Self.space(of: directory) }

    static func space(of directory: Int32) -> (capacity: UInt64, free: UInt64) {
        var state = statvfs()
        guard fstatvfs(directory, &state) == 0 else { return (0, 0) }
        return (
            UInt64(state.f_blocks) * UInt64(state.f_frsize),
            UInt64(state.f_bavail) * UInt64(state.f_frsize)
        )
    }

    /// The same, with what its spare files hold. File systems that make inodes as they need them
    /// count none (statvfs.3).
    func room(spareBytes: UInt64) -> DeviceRoom {
        var state = statvfs()
        guard fstatvfs(directory, &state) == 0 else {
            return DeviceRoom(capacity: 0, free: 0, spareBytes: 0)
        }
        return DeviceRoom(
            capacity: UInt64(state.f_blocks) * UInt64(state.f_frsize),
            free: UInt64(state.f_bavail) * UInt64(state.f_frsize), spareBytes: spareBytes,
            hasInodes: state.f_files == 0 || state.f_favail > 0)
    }

    /// Why it can no longer be used, or `nil`: it was removed, or its file system takes no writes.
    var defect: String? {
        var facts = stat()
        guard fstat(blocks, &facts) == 0 else { return errorText(errno) }
        guard facts.st_nlink > 0 else { return "the directory was removed" }
        var state = statvfs()
        guard fstatvfs(blocks, &state) == 0 else { return errorText(errno) }
        guard state.f_flag & UInt(ST_RDONLY) == 0 else { return "the file system is read-only" }
        return nil
    }

    /// Whose directory this is, without a lock; `nil` for one that nobody has used yet. What cannot
    /// be read is for `open` to say.
    static func keptNode(_ path: String) -> NodeID? {
        let directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        do throws(FileFailure) {
            let text = try KernelFolder(path, directory).text(
                of: DeviceIdentity.name, most: DeviceIdentity.mostBytes)
            return text.flatMap { DeviceIdentity($0) }?.node
        } catch {
            return nil
        }
    }

    static func isFull(_ number: Int32) -> Bool { number == ENOSPC || number == EDQUOT }

    /// As `probe`; a device without any room serves the copies that it has.
    private static func isDirect(
        _ blocks: Int32, _ directory: Int32, _ path: String
    ) throws(StartFailure) -> Bool {
        do throws(StartFailure) {
            return try probe(blocks, path)
        } catch {
            guard error.cause == .full, faccessat(directory, "device", F_OK, 0) == 0 else {
                throw error
            }
            let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
            let file = openat(directory, "device", flags | CURING_O_DIRECT)
            if file >= 0 { close(file) }
            return file >= 0
        }
    }

    /// Writes one page to a file without a name: does the directory take bytes, and without the
    /// page cache?
    static func probe(_ blocks: Int32, _ path: String) throws(StartFailure) -> Bool {
        let name = ".probe"
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
        var file = openat(blocks, name, flags | CURING_O_DIRECT, 0o600)
        let isDirect = file >= 0
        if file < 0, errno == EINVAL { file = openat(blocks, name, flags, 0o600) }
        guard file >= 0 else { throw refused("cannot write in", path, errno) }
        unlinkat(blocks, name, 0)
        defer { close(file) }
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        guard pwrite(file, page, 4096, 0) == 4096 else {
            throw refused("cannot write in", path, errno)
        }
        return isDirect
    }

    static func refused(_ what: String, _ path: String, _ failure: FileFailure) -> StartFailure {
        switch failure {
        case .refused(let number): refused(what, path, number)
        case .notRegular:
            StartFailure(.configuration, "\(what) \(path): \(failure): move it away")
        }
    }

    static func refused(_ what: String, _ path: String, _ number: Int32) -> StartFailure {
        let advice =
            switch number {
            case ENOSPC, EDQUOT: "the file system is full: free space, or use another directory"
            case EROFS: "the file system is read-only: remount it, or use another directory"
            case EACCES, EPERM:
                "permission denied: run as the directory's owner, or use another directory"
            case ENOENT: "it does not exist, or its parent directory does not: make it"
            default: errorText(number)
            }
        return StartFailure(
            isFull(number) ? .full : .directory, "\(what) \(path): \(advice)")
    }
}
