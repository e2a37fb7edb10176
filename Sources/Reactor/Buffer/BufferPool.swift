import Glibc

/// A buffer, by its place in its pool.
public typealias BufferIndex = RecordIndex<BufferPool>

/// Buffers of one size in one page-aligned piece of memory that the ring has registered.
///
/// A buffer is free only when its last holder says so: receive, forward, device write and a
/// zero-copy send's notification each hold it on their own. Counts are plain, for a pool belongs to
/// one thread.
public struct BufferPool: ~Copyable {
    /// Bytes from one buffer to the next, a multiple of the page.
    public let stride: Int
    public let count: Int
    public private(set) var free: Int

    @usableFromInline
    let base: UnsafeMutableRawPointer
    @usableFromInline
    let holds: UnsafeMutablePointer<UInt16>
    private let stack: UnsafeMutablePointer<BufferIndex>

    /// Takes `count` buffers of `stride` bytes at `memory`, which it does not own.
    public init(memory: UnsafeMutableRawPointer, stride: Int, count: Int) {
        precondition(stride % 4096 == 0 && count > 0, "buffers are whole pages")
        self.stride = stride
        self.count = count
        base = memory
        free = count
        holds = .allocate(capacity: count)
        holds.initialize(repeating: 0, count: count)
        stack = .allocate(capacity: count)
        for index in 0..<count { stack[index] = BufferIndex(count - 1 - index) }
    }

    deinit {
        holds.deallocate()
        stack.deallocate()
    }

    /// A buffer with one hold, or `nil` when all are held: then stop receiving.
    public mutating func take() -> BufferIndex? {
        guard free > 0 else { return nil }
        free -= 1
        let buffer = stack[free]
        precondition(holds[buffer.place] == 0, "a free buffer has no holder")
        holds[buffer.place] = 1
        return buffer
    }

    /// One holder more.
    @inlinable
    public func hold(_ buffer: BufferIndex) {
        precondition(holds[buffer.place] > 0, "only a held buffer gets another holder")
        holds[buffer.place] += 1
    }

    /// One holder less. `true` when it was the last and the buffer is free again.
    public mutating func release(_ buffer: BufferIndex) -> Bool {
        precondition(holds[buffer.place] > 0, "a buffer is released once per holder")
        holds[buffer.place] -= 1
        guard holds[buffer.place] == 0 else { return false }
        stack[free] = buffer
        free += 1
        return true
    }

    @inlinable
    public func holders(_ buffer: BufferIndex) -> Int { Int(holds[buffer.place]) }

    @inlinable
    public func memory(_ buffer: BufferIndex) -> UnsafeMutableRawPointer {
        precondition(buffer.place < count, "a buffer of this pool")
        return base + buffer.place * stride
    }
}
