import Wire

/// A put's source, and how much of it is expected.
struct PutSource {
    /// As the session found it.
    private let file: LocalFile
    /// Where the first byte is, for a source that can be read by place, and so again.
    let start: UInt64?
    /// Bytes to be read, when that is known: of a regular file, what it has now unless the caller
    /// said less.
    let length: UInt64?
    /// What the caller said of a source that cannot be measured.
    let promised: UInt64?

    var supply: PutSupply { length.map { .again($0) } ?? .once(promised: promised) }

    init(_ file: LocalFile, length: UInt64?) {
        self.file = file
        if let rest = file.rest {
            start = file.position
            self.length = length ?? rest
            promised = nil
        } else {
            // A regular file without a size may have bytes all the same: it is read until it ends.
            start = nil
            self.length = nil
            promised = length
        }
    }

    var descriptor: Int32 { file.descriptor }

    /// Judges the whole, once it was read: the source must be what it was taken for. Else the value
    /// would be a mixture of what the file was and what it is.
    func check(read: UInt64) throws(ClientError) {
        if let promised, promised != read {
            throw .sourceLength(expected: promised, found: read)
        }
        guard let place = file.position else { return }
        let now = try LocalFile.inspect(descriptor) { .sourceFailed(reason: $0) }
        guard now.size == file.size else {
            func rest(_ size: UInt64) -> UInt64 { size - min(place, size) }
            throw .sourceLength(expected: rest(file.size), found: rest(now.size))
        }
        guard now.isUnchanged(since: file) else { throw .sourceChanged }
    }
}
