import CURing
import Glibc

extension SimulatedRingCore {
    /// Takes a file's operation: what it names is looked up now, its effect comes with its
    /// completion.
    func startFile(_ operation: SimulatedOperation) {
        guard let object = hold(operation) else {
            operation.injected = EBADF
            settle(operation, 0)
            return
        }
        draw(operation, faults(of: object))
        var latency = world.settings.deviceLatency
        switch operation.request {
        case .open(_, let path, _, _), .unlink(_, let path):
            operation.path = String(cString: path)
        case .rename(_, let from, let target, _):
            operation.path = String(cString: from)
            operation.secondPath = String(cString: target)
        case .sync:
            latency = world.settings.syncLatency
            beginSync(operation, object)
        default: break
        }
        settle(operation, 0, latency: latency)
    }

    private func faults(of object: SimulatedObject) -> SimulationFaults {
        switch object {
        case let file as SimulatedOpenFile: file.disk.faults ?? world.faults
        case let directory as SimulatedDirectory: directory.disk.faults ?? world.faults
        default: world.faults
        }
    }

    private func beginSync(_ operation: SimulatedOperation, _ object: SimulatedObject) {
        switch object {
        case let file as SimulatedOpenFile:
            if !file.disk.lies.fileSyncs { operation.covered = file.file.beginSync() }
        case let directory as SimulatedDirectory: operation.covered = directory.disk.changes
        default: break
        }
    }

    /// The effect and the result of a file's operation, at the instant of its completion.
    func perform(_ operation: SimulatedOperation) -> Int32 {
        guard let object = operation.object else { return -EBADF }
        switch operation.request {
        case .write: return write(operation, object)
        case .sync: return endSync(operation, object)
        default: break
        }
        guard operation.injected == 0 else { return -operation.injected }
        switch operation.request {
        case .open(_, _, let flags, _):
            guard let directory = object as? SimulatedDirectory else { return -ENOTDIR }
            return open(operation, directory, flags)
        case .read: return read(operation, object)
        case .allocate(_, let mode, let offset, let count):
            guard let file = object as? SimulatedOpenFile else { return -ENODEV }
            return allocate(file, mode, Int(offset), Int(count))
        case .rename: return rename(operation, object)
        case .unlink: return unlink(operation, object)
        default: preconditionFailure("a file's operation that no branch performs")
        }
    }

    private func open(
        _ operation: SimulatedOperation, _ directory: SimulatedDirectory, _ flags: Int32
    ) -> Int32 {
        let disk = directory.disk
        let path = directory.resolve(operation.path)
        let creates = flags & O_CREAT != 0
        if let error = nameError(operation.path, path, on: disk) { return error }
        if disk.isDirectory(path) {
            guard flags & O_ACCMODE == O_RDONLY, !creates else { return -EISDIR }
            return install(SimulatedDirectory(disk: disk, path: path)) ?? -ENFILE
        }
        var file = disk.find(path)
        if file != nil {
            if creates, flags & O_EXCL != 0 { return -EEXIST }
            if flags & O_DIRECTORY != 0 { return -ENOTDIR }
        } else if !creates {
            return -ENOENT
        }
        let changes = file == nil || flags & O_TRUNC != 0 || flags & O_ACCMODE != O_RDONLY
        if disk.isReadOnly, changes { return -EROFS }
        if flags & O_TRUNC != 0 { file?.truncate(on: disk) }
        file = file ?? disk.create(path)
        guard let file else { return -ENOENT }
        let opened = SimulatedOpenFile(disk: disk, file: file, flags: flags)
        guard let index = install(opened) else {
            opened.hold()
            opened.letGo()
            return -ENFILE
        }
        return index
    }

    private func nameError(_ given: String, _ path: String, on disk: SimulatedDisk) -> Int32? {
        if given.isEmpty { return -ENOENT }
        if path.split(separator: "/").contains(where: { $0.utf8.count > 255 }) {
            return -ENAMETOOLONG
        }
        return disk.hasParent(path) ? nil : -ENOENT
    }

    private func read(_ operation: SimulatedOperation, _ object: SimulatedObject) -> Int32 {
        guard let file = object as? SimulatedOpenFile else {
            return object is SimulatedDirectory ? -EISDIR : -EINVAL
        }
        guard case .read(_, let memory, let count, let offset, let registered) = operation.request
        else { preconditionFailure("only reads read") }
        guard file.flags & O_ACCMODE != O_WRONLY else { return -EBADF }
        if let error = memoryError(file, memory, count, offset, registered) { return error }
        return Int32(file.file.read(into: memory, count: operation.limit, offset: Int(offset)))
    }

    private func write(_ operation: SimulatedOperation, _ object: SimulatedObject) -> Int32 {
        guard let file = object as? SimulatedOpenFile else { return -EBADF }
        guard case .write(_, let memory, let count, let offset, let registered) = operation.request
        else { preconditionFailure("only writes write") }
        guard file.flags & O_ACCMODE != O_RDONLY else { return -EBADF }
        if let error = memoryError(file, memory, count, offset, registered) { return error }
        let injected = operation.injected
        var limit = operation.limit
        if injected == EINTR || injected == EAGAIN { return -injected }
        if injected != 0 { limit = world.random.below(limit + 1) }
        let written = move(memory, count: limit, to: Int(offset), of: file)
        if injected != 0 { return -injected }
        return written == 0 && count > 0 ? -ENOSPC : Int32(written)
    }

    /// Puts bytes on the disk: where they were sent, elsewhere, or later.
    private func move(
        _ memory: UnsafeRawPointer, count: Int, to offset: Int, of file: SimulatedOpenFile
    ) -> Int {
        let durably = file.flags & (O_SYNC | O_DSYNC) != 0
        var place = (file: file.file, offset: offset)
        if world.random.chance(faults(of: file).misdirectedWriteRate) {
            place = file.disk.misdirect(file.file, offset, &world.random)
        }
        guard file.disk.lies.writesAhead == 0 else {
            let bytes = Array(UnsafeRawBufferPointer(start: memory, count: count))
            let write = EarlyWrite(
                disk: file.disk, file: place.file, bytes: bytes, offset: place.offset,
                durably: durably, life: file.disk.lives)
            let due = world.time + file.disk.lies.writesAhead
            world.events.insert(.land(write), world.events.key(at: due))
            return count
        }
        return place.file.write(
            memory, count: count, offset: place.offset, durably: durably, on: file.disk)
    }

    /// What the kernel says of memory, an offset or a count before it moves a byte.
    private func memoryError(
        _ file: SimulatedOpenFile, _ memory: UnsafeRawPointer, _ count: Int, _ offset: UInt64,
        _ registered: Bool
    ) -> Int32? {
        if registered {
            let start = UInt(bitPattern: memory)
            guard let region, let base = region.baseAddress, start >= UInt(bitPattern: base),
                start + UInt(count) <= UInt(bitPattern: base) + UInt(region.count)
            else { return -EFAULT }
        }
        guard offset <= UInt64(Int.max) - UInt64(count) else { return -EINVAL }
        let unit = world.settings.directAlignment
        guard file.flags & CURING_O_DIRECT != 0 else { return nil }
        let isAligned =
            Int(offset) % unit == 0 && count % unit == 0
            && UInt(bitPattern: memory) % UInt(unit) == 0
        return isAligned ? nil : -EINVAL
    }

    private func endSync(_ operation: SimulatedOperation, _ object: SimulatedObject) -> Int32 {
        let succeeded = operation.injected == 0
        switch object {
        case let file as SimulatedOpenFile:
            if !file.disk.lies.fileSyncs {
                file.file.endSync(operation.covered, succeeded: succeeded)
            }
        case let directory as SimulatedDirectory:
            if succeeded, !directory.disk.lies.directorySyncs {
                directory.disk.endSync(operation.covered)
            }
        default: return -EINVAL
        }
        return -operation.injected
    }

    private func allocate(
        _ file: SimulatedOpenFile, _ mode: Int32, _ offset: Int, _ count: Int
    ) -> Int32 {
        guard file.flags & O_ACCMODE != O_RDONLY else { return -EBADF }
        guard count > 0 else { return -EINVAL }
        let keepsSize = mode & FALLOC_FL_KEEP_SIZE != 0
        switch mode & ~FALLOC_FL_KEEP_SIZE {
        case 0:
            return file.file.reserve(
                offset: offset, count: count, growing: !keepsSize, on: file.disk) ? 0 : -ENOSPC
        case FALLOC_FL_PUNCH_HOLE where keepsSize:
            file.file.punch(offset: offset, count: count, on: file.disk)
            return 0
        default: return -EOPNOTSUPP
        }
    }

    private func rename(_ operation: SimulatedOperation, _ object: SimulatedObject) -> Int32 {
        guard let directory = object as? SimulatedDirectory else { return -ENOTDIR }
        let disk = directory.disk
        let from = directory.resolve(operation.path)
        let target = directory.resolve(operation.secondPath)
        if let error = nameError(operation.path, from, on: disk) { return error }
        if let error = nameError(operation.secondPath, target, on: disk) { return error }
        guard disk.find(from) != nil else { return disk.isDirectory(from) ? -EBUSY : -ENOENT }
        if disk.isDirectory(target) { return -EISDIR }
        if case .rename(_, _, _, replacing: false) = operation.request, disk.find(target) != nil {
            return -EEXIST
        }
        if disk.isReadOnly { return -EROFS }
        disk.rename(from, to: target)
        return 0
    }

    private func unlink(_ operation: SimulatedOperation, _ object: SimulatedObject) -> Int32 {
        guard let directory = object as? SimulatedDirectory else { return -ENOTDIR }
        let path = directory.resolve(operation.path)
        if let error = nameError(operation.path, path, on: directory.disk) { return error }
        guard directory.disk.find(path) != nil else {
            return directory.disk.isDirectory(path) ? -EISDIR : -ENOENT
        }
        if directory.disk.isReadOnly { return -EROFS }
        directory.disk.unlink(path)
        return 0
    }
}
