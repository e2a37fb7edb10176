import Reactor

/// A duplicate that is compared with what the device has, as a pure state: only parts of chunks are
/// in it, so their checksums say nothing. One is under way at a time, for its connection waits.
struct DuplicateCheck: BitwiseCopyable {
    /// What the writer sent.
    private(set) var original: BufferIndex?
    /// What the device's bytes are read into.
    private var copy: BufferIndex?
    /// The duplicate was given up while the device was being read: what comes is compared with
    /// nothing.
    private var isStale = false

    var isIdle: Bool { original == nil && copy == nil }
    /// There is a duplicate, and nothing is read for it yet.
    var mayRead: BufferIndex? {
        @inline(__always) get { copy == nil ? original : nil }
    }

    mutating func begin(_ buffer: BufferIndex) {
        precondition(original == nil, "one is compared at a time")
        original = buffer
    }

    /// The device's bytes are being read.
    mutating func read(into buffer: BufferIndex) { copy = buffer }

    /// Nothing is read any more.
    /// - Returns: what to compare with; `nil`: nobody waits for it.
    mutating func didRead() -> BufferIndex? {
        defer {
            copy = nil
            isStale = false
        }
        return isStale ? nil : original
    }

    /// Takes back a duplicate that is not to be compared any more, or was.
    mutating func take() -> BufferIndex? {
        guard let buffer = original else { return nil }
        original = nil
        isStale = copy != nil
        return buffer
    }
}
