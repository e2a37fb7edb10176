import Glibc
import System

/// The files of an open database, as they were found under their names: a namespace whose directory
/// is removed or moved away goes on in files that nobody will find again, so that nothing may be
/// answered from then on.
struct StorePlace: Sendable {
    private struct File: Sendable {
        let path: String
        let device: dev_t
        let inode: ino_t
    }

    private let files: [File]

    /// - Parameter paths: of files that this process keeps open, so that their numbers are not
    ///   given to others; what is not there is left out.
    init(_ paths: [String]) {
        files = paths.compactMap { path in
            var facts = stat()
            guard stat(path, &facts) == 0 else { return nil }
            return File(path: path, device: facts.st_dev, inode: facts.st_ino)
        }
    }

    /// One `stat` a file.
    func check() throws(StoreFailure) {
        for file in files {
            var facts = stat()
            guard stat(file.path, &facts) == 0 else {
                throw StoreFailure(
                    "\(file.path) is gone (\(SystemFailure("stat"))): the directory was removed or "
                        + "moved under a running namenode. Put it back, then start the namenode",
                    isRefusedByDisk: true)
            }
            guard facts.st_dev == file.device, facts.st_ino == file.inode else {
                throw StoreFailure(
                    "\(file.path) is another file than the one this namenode opened: the directory "
                        + "was replaced under it",
                    isRefusedByDisk: true)
            }
        }
    }
}
