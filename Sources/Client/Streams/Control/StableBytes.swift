/// Bytes at an address that the kernel may read: it changes only with the next `fill`.
struct StableBytes: ~Copyable {
    private(set) var start: UnsafeMutableRawPointer
    private(set) var count = 0
    private var capacity: Int

    init(capacity: Int = 4096) {
        self.capacity = capacity
        start = .allocate(byteCount: capacity, alignment: 64)
    }

    deinit { start.deallocate() }

    /// Takes the bytes' place. Nothing may be reading the old ones.
    mutating func fill(_ bytes: [UInt8]) {
        if bytes.count > capacity {
            start.deallocate()
            capacity = max(bytes.count, 2 * capacity)
            start = .allocate(byteCount: capacity, alignment: 64)
        }
        count = bytes.count
        bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            start.copyMemory(from: base, byteCount: source.count)
        }
    }
}
