import DataPath
import Glibc
import Reactor
import Wire

/// A simulated disk as a datanode's start and its agent have it: the calls of `Folder`, with the
/// disk's faults on what is read.
struct SimulatedFolder: Folder {
    let path: String
    let disk: SimulatedDisk
    private let world: SimulatedWorld

    init(_ world: SimulatedWorld, node: String, directory: String) {
        path = "\(node)/\(directory)"
        disk = world.disk(of: node, directory: directory)
        self.world = world
    }

    func names() -> [String] { disk.files }

    func facts(of name: String) throws(FileFailure) -> FileFacts {
        guard let size = disk.size(of: name) else { throw .refused(ENOENT) }
        return FileFacts(
            isRegular: true, isShared: false, length: UInt64(size),
            allocated: UInt64(disk.allocatedBytes(of: name)))
    }

    func open(
        _ name: String, for use: FileUse
    ) throws(FileFailure) -> (file: String, facts: FileFacts) {
        switch use {
        case .reading, .writing: break
        case .making: disk.make(name, empties: false)
        case .remaking: disk.make(name, empties: true)
        }
        return (name, try facts(of: name))
    }

    func close(_ file: String) {}

    func read(
        _ file: String, into memory: UnsafeMutableRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int {
        var count = count
        if let faults = disk.faults {
            if world.random.chance(faults.interruptRate) { throw .refused(EINTR) }
            if world.random.chance(faults.read.rate) {
                throw .refused(world.random.pick(faults.read.errnos))
            }
            if count > 1, world.random.chance(faults.shortReadRate) {
                count = 1 + world.random.below(count)
            }
        }
        let place = UnsafeMutableRawBufferPointer(start: memory, count: count)
        guard let moved = disk.read(file, into: place, at: Int(offset)) else {
            throw .refused(ENOENT)
        }
        return moved
    }

    func write(
        _ file: String, from memory: UnsafeRawPointer, count: Int, at offset: UInt64
    ) throws(FileFailure) -> Int {
        let bytes = UnsafeRawBufferPointer(start: memory, count: count)
        guard let moved = disk.write(file, from: bytes, at: Int(offset)) else {
            throw .refused(ENOENT)
        }
        guard moved > 0 || count == 0 else { throw .refused(ENOSPC) }
        return moved
    }

    func sync(_ file: String) { disk.sync(file) }
    func sync() { disk.syncNames() }
    func rename(_ name: String, to other: String) { disk.rename(name, to: other) }

    func unlink(_ name: String) -> FileFailure? {
        disk.unlink(name)
        return nil
    }

    func makePrivate(_ name: String) {}
}

extension SimulatedDisk {
    /// The newer header copy of a block's file, as it lies there now.
    func header(of block: BlockID) -> BlockHeader? {
        var pages = bytes(of: "\(block).blk", from: 0, count: 2 * BlockLayout.headerBytes)
        pages += [UInt8](repeating: 0, count: 2 * BlockLayout.headerBytes - pages.count)
        return pages.withUnsafeBytes { memory in
            guard let base = memory.baseAddress,
                case .success(let newest) = BlockHeader.newest(of: base, block: block)
            else { return nil }
            return newest.header
        }
    }
}
