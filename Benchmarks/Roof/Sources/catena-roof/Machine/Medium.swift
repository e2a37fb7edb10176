import ArgumentParser
import CURing
import Glibc

/// Where a hop puts what it received.
enum Medium: String, CaseIterable, ExpressibleByArgument {
    /// Nowhere: the network alone.
    case none
    /// A file through the page cache.
    case cache
    /// A file with O_DIRECT: the device alone, as a datanode writes.
    case direct

    /// Opens hop `index`'s file below `directory`. It stays, so that a second run writes over
    /// extents that exist.
    func open(in directory: String, hop index: Int) throws(RoofFailure) -> Int32 {
        let path = "\(directory)/roof.\(index)"
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | (self == .direct ? CURING_O_DIRECT : 0)
        let descriptor = Glibc.open(path, flags, 0o644)
        guard descriptor >= 0 else { throw RoofFailure("opening \(path)", errno: errno) }
        return descriptor
    }
}
