import CURing
import Glibc

/// What this kernel's io_uring has beyond what a datanode needs, found out by trying.
public struct RingFeatures: Sendable, Equatable {
    /// SEND_ZC (6.0).
    public var zeroCopySend = false
    /// Whether a zero-copy send over loopback was copied all the same; `nil`: not known.
    public var loopbackCopies: Bool?
    /// Provided buffer rings (5.19).
    public var bufferRings = false
    /// One receive or send over several provided buffers (6.10).
    public var bundles = false
    /// Rings that poll for device completions; the device needs poll queues too.
    public var polling = false
    /// Busy polling of the NIC from the ring (6.9).
    public var busyPolling = false
    /// A plain descriptor out of a fixed file (6.8).
    public var fixedInstall = false
    /// NOPs with a given result (6.10).
    public var nopResult = false

    public init() {}

    // The kernel's numbers (linux/io_uring.h), newer than Debian 12's header.
    private static let fixedInstallCode: Int32 = 54
    private static let bundleFeature: UInt32 = 1 << 14
    private static let registerNAPI: UInt32 = 27

    /// Tries each on a ring of its own.
    public static func probe() throws(RingFailure) -> RingFeatures {
        var features = RingFeatures()
        features.nopResult = try RingProbe.answersNops()
        features.polling = withRing(UInt32(IORING_SETUP_IOPOLL)) { _ in true } ?? false
        withRing(0) { ring -> Void in
            features.bundles = ring.pointee.features & bundleFeature != 0
            features.bufferRings = hasBufferRings(ring)
            var words: (UInt64, UInt64) = (0, 0)
            features.busyPolling =
                curing_register(ring.pointee.ring_fd, registerNAPI, &words, 1) == 0
            guard let probe = io_uring_get_probe_ring(ring) else { return }
            defer { io_uring_free_probe(probe) }
            features.fixedInstall = io_uring_opcode_supported(probe, fixedInstallCode) != 0
            features.zeroCopySend =
                io_uring_opcode_supported(probe, Int32(IORING_OP_SEND_ZC.rawValue)) != 0
        }
        if features.zeroCopySend { features.loopbackCopies = try LoopbackProbe.copies() }
        return features
    }

    @discardableResult
    private static func withRing<Value>(
        _ flags: UInt32, _ body: (UnsafeMutablePointer<io_uring>) -> Value
    ) -> Value? {
        let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        defer { ring.deallocate() }
        ring.initialize(to: io_uring())
        guard io_uring_queue_init(8, ring, flags) == 0 else { return nil }
        defer { io_uring_queue_exit(ring) }
        return body(ring)
    }

    private static func hasBufferRings(_ ring: UnsafeMutablePointer<io_uring>) -> Bool {
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        defer { page.deallocate() }
        var wanted = io_uring_buf_reg()
        wanted.ring_addr = UInt64(UInt(bitPattern: page))
        wanted.ring_entries = 1
        guard io_uring_register_buf_ring(ring, &wanted, 0) == 0 else { return false }
        return io_uring_unregister_buf_ring(ring, 0) == 0
    }
}
