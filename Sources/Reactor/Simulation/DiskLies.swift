/// What a simulated disk may pretend. Each lie plants a bug that the program above has not got, for
/// tests of the checkers: to the program nothing looks wrong.
public struct DiskLies: Sendable, Equatable {
    /// A sync of a directory is answered and does nothing.
    public var directorySyncs = false
    /// A sync of a file is answered and does nothing.
    public var fileSyncs = false
    /// A write is answered this many nanoseconds before it is on the disk; 0 for never. Until then
    /// the end of the process takes it back.
    public var writesAhead: UInt64 = 0

    public init() {}
}

/// A write that was answered and has not been made.
struct EarlyWrite {
    let disk: SimulatedDisk
    let file: SimulatedFile
    let bytes: [UInt8]
    let offset: Int
    let durably: Bool
    let life: Int

    func land() {
        guard life == disk.lives else { return }
        let written = bytes.withUnsafeBytes { source in
            source.baseAddress.map {
                file.write($0, count: source.count, offset: offset, durably: durably, on: disk)
            } ?? 0
        }
        precondition(written == bytes.count, "a disk that lies about writes has room for them")
    }
}
