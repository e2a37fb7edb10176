import CURing
import Glibc

/// A ring with the same setup as a datanode's, and liburing's calls with nothing around them.
///
/// Its files and its one buffer are registered: descriptors below are indexes into `files`.
struct BareRing: ~Copyable {
    /// Every hop keeps fewer operations in flight than this: a receive, a send, a slot's device
    /// access each.
    static let entries: UInt32 = 256

    private let ring: UnsafeMutablePointer<io_uring>
    private let completions: UnsafeMutablePointer<curing_completion>

    init(files: [Int32], memory: UnsafeMutableRawBufferPointer) throws(RoofFailure) {
        let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        ring.initialize(to: io_uring())
        var parameters = io_uring_params()
        parameters.flags =
            UInt32(IORING_SETUP_SINGLE_ISSUER) | UInt32(IORING_SETUP_DEFER_TASKRUN)
        var result = io_uring_queue_init_params(Self.entries, ring, &parameters)
        guard result == 0 else {
            ring.deallocate()
            throw RoofFailure("setting up io_uring", errno: -result)
        }
        var vector = iovec(iov_base: memory.baseAddress, iov_len: memory.count)
        result = io_uring_register_buffers(ring, &vector, 1)
        if result == 0 { result = io_uring_register_files(ring, files, UInt32(files.count)) }
        guard result == 0 else {
            io_uring_queue_exit(ring)
            ring.deallocate()
            throw RoofFailure("registering buffers and files", errno: -result)
        }
        self.ring = ring
        completions = .allocate(capacity: Int(Self.entries))
    }

    deinit {
        io_uring_queue_exit(ring)
        ring.deallocate()
        completions.deallocate()
    }

    /// One system call: everything queued goes in, and at least one completion is there.
    mutating func submitAndWait() throws(RoofFailure) {
        let result = io_uring_submit_and_wait(ring, 1)
        guard result >= 0 || result == -EINTR else {
            throw RoofFailure("io_uring_enter", errno: -result)
        }
    }

    /// The completions that are there; valid until the next call.
    mutating func reap() -> UnsafeBufferPointer<curing_completion> {
        let count = curing_reap(ring, completions, Self.entries)
        return UnsafeBufferPointer(start: completions, count: Int(count))
    }

    /// The kernel completes it when all `count` bytes are there (`MSG_WAITALL`) or the peer ended.
    mutating func receive(
        _ file: Int32, _ memory: UnsafeMutableRawPointer, _ count: Int, tag: UInt64
    ) {
        let entry = next()
        io_uring_prep_recv(entry, file, memory, count, Int32(MSG_WAITALL))
        finish(entry, tag)
    }

    mutating func send(_ file: Int32, _ memory: UnsafeRawPointer, _ count: Int, tag: UInt64) {
        let entry = next()
        io_uring_prep_send(
            entry, file, memory, count, Int32(MSG_WAITALL) | Int32(MSG_NOSIGNAL))
        finish(entry, tag)
    }

    mutating func write(
        _ file: Int32, _ memory: UnsafeRawPointer, _ count: Int, at offset: Int, tag: UInt64
    ) {
        let entry = next()
        io_uring_prep_write_fixed(entry, file, memory, UInt32(count), UInt64(offset), 0)
        finish(entry, tag)
    }

    mutating func read(
        _ file: Int32, _ memory: UnsafeMutableRawPointer, _ count: Int, at offset: Int, tag: UInt64
    ) {
        let entry = next()
        io_uring_prep_read_fixed(entry, file, memory, UInt32(count), UInt64(offset), 0)
        finish(entry, tag)
    }

    private func next() -> UnsafeMutablePointer<io_uring_sqe> {
        guard let entry = io_uring_get_sqe(ring) else {
            preconditionFailure("a hop queues fewer operations than its ring has entries")
        }
        return entry
    }

    /// After the preparation, which clears both fields.
    private func finish(_ entry: UnsafeMutablePointer<io_uring_sqe>, _ tag: UInt64) {
        entry.pointee.user_data = tag
        entry.pointee.flags |= CURING_FIXED_FILE
    }
}
