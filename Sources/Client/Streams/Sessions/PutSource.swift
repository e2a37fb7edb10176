import Glibc
import Wire

/// A put's source, and how much of it is expected.
struct PutSource {
    let descriptor: CInt
    /// Where the first byte is, for a source that can be read by place, and so again.
    let start: UInt64?
    /// Bytes to be read, when that is known: of a regular file, what it has now unless the caller
    /// said less.
    let length: UInt64?
    /// What the caller said of a source that cannot be measured.
    let promised: UInt64?
    private let sizeAtStart: UInt64

    init(_ file: LocalFile, length: UInt64?) {
        descriptor = file.descriptor
        sizeAtStart = file.size
        // A regular file of size 0 may have bytes all the same (proc(5)): it is read until it ends.
        start = file.size > 0 ? file.position : nil
        if let position = start {
            self.length = length ?? (file.size - min(position, file.size))
            promised = nil
        } else {
            self.length = nil
            promised = length
        }
    }

    /// Judges the whole, once it was read: the source must be what it was taken for.
    func check(read: UInt64) throws(ClientError) {
        if let promised, promised != read {
            throw .sourceLength(expected: promised, found: read)
        }
        guard let start else { return }
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else { return }
        let size = UInt64(facts.st_size)
        guard size == sizeAtStart else {
            throw .sourceLength(
                expected: sizeAtStart - min(start, sizeAtStart), found: size - min(start, size))
        }
    }
}
