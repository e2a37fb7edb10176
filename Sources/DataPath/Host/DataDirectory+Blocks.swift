import Glibc
import Reactor
import System
import Wire

extension DataDirectory {
    /// Opens the directories of one node.
    static func openAll(_ paths: [String]) throws(StartFailure) -> [DataDirectory] {
        guard !paths.isEmpty else {
            throw StartFailure(
                .configuration, "a datanode needs at least one data directory (--dir)")
        }
        guard paths.count <= Budget.devices else {
            throw StartFailure(
                .configuration, "a datanode has at most \(Budget.devices) data directories")
        }
        // One that has an id gives it to those that are empty, wherever it stands in the list.
        let known = paths.lazy.compactMap(DataDirectory.keptNode).first
        var directories: [DataDirectory] = []
        for path in paths {
            let node = directories.first?.node ?? known
            directories.append(try DataDirectory.open(path, node: node))
        }
        return directories
    }

    /// The names of its block files: 16 hexadecimal digits and `.blk`.
    func blockNames() throws(StartFailure) -> [String] {
        try BlockScan.names(in: folders.blocks).filter { name in
            name.utf8.count == 20 && name.hasSuffix(".blk")
                && UInt64(hexadecimal: name.prefix(16)) != nil
        }
    }

    /// Removes its block files, whatever they hold. For bench nodes only.
    /// - Returns: how many there were.
    func removeBlocks() throws(StartFailure) -> Int {
        let names = try blockNames()
        for name in names where unlinkat(blocks, name, 0) != 0 {
            throw Self.refused("cannot remove \(name) in", path, errno)
        }
        return names.count
    }
}
