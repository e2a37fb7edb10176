// A disk as a thread has it that makes its system calls itself: each takes effect at once, and
// what it did not sync goes with the power. Faults are for the caller to draw.
extension SimulatedDisk {
    /// Makes a file when it is missing, and gives it no bytes when `empties`.
    public func make(_ path: String, empties: Bool) {
        let file = find(path) ?? create(path)
        if empties { file.truncate(on: self) }
    }

    /// - Returns: bytes read, fewer than there is room for at the end of the file; `nil`: there is
    ///   no file.
    public func read(
        _ path: String, into memory: UnsafeMutableRawBufferPointer, at offset: Int
    ) -> Int? {
        guard let base = memory.baseAddress else { return 0 }
        return find(path)?.read(into: base, count: memory.count, offset: offset)
    }

    /// - Returns: bytes written, fewer when the disk is full; `nil`: there is no file.
    public func write(
        _ path: String, from memory: UnsafeRawBufferPointer, at offset: Int
    ) -> Int? {
        guard let base = memory.baseAddress else { return 0 }
        return find(path)?.write(
            base, count: memory.count, offset: offset, durably: false, on: self)
    }

    public func sync(_ path: String) {
        guard !lies.fileSyncs, let file = find(path) else { return }
        file.endSync(file.beginSync(), succeeded: true)
    }

    public func syncNames() {
        if !lies.directorySyncs { endSync(changes) }
    }
}
