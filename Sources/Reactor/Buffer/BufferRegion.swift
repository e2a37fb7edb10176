import Glibc

/// Page-aligned memory from the system, given back when its owner ends.
public struct BufferRegion: ~Copyable {
    public let bytes: UnsafeMutableRawBufferPointer

    /// Maps and touches `count` bytes, so that a machine that cannot give them says so at start and
    /// not under load.
    public init(byteCount count: Int) throws(RingFailure) {
        let memory = mmap(
            nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            throw RingFailure(
                errno: errno,
                "cannot map \(count >> 20) MiB of buffers (\(errorText(errno))): set fewer buffers")
        }
        bytes = UnsafeMutableRawBufferPointer(start: memory, count: count)
    }

    deinit { munmap(bytes.baseAddress, bytes.count) }
}
