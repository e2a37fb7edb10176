import CURing
import Glibc
import System

/// Finds out what this kernel and this process may do, before anything depends on it.
public enum RingProbe {
    /// Operations that the reactor cannot do without, by the names of the kernel's header; all are
    /// in Linux 6.1.
    public static let required: [(name: String, code: UInt32)] = [
        ("ACCEPT", IORING_OP_ACCEPT.rawValue), ("SOCKET", IORING_OP_SOCKET.rawValue),
        ("CONNECT", IORING_OP_CONNECT.rawValue), ("RECV", IORING_OP_RECV.rawValue),
        ("SEND", IORING_OP_SEND.rawValue), ("SHUTDOWN", IORING_OP_SHUTDOWN.rawValue),
        ("OPENAT", IORING_OP_OPENAT.rawValue), ("READ", IORING_OP_READ.rawValue),
        ("READ_FIXED", IORING_OP_READ_FIXED.rawValue), ("WRITE", IORING_OP_WRITE.rawValue),
        ("WRITE_FIXED", IORING_OP_WRITE_FIXED.rawValue), ("FSYNC", IORING_OP_FSYNC.rawValue),
        ("FALLOCATE", IORING_OP_FALLOCATE.rawValue), ("RENAMEAT", IORING_OP_RENAMEAT.rawValue),
        ("UNLINKAT", IORING_OP_UNLINKAT.rawValue), ("CLOSE", IORING_OP_CLOSE.rawValue),
        ("ASYNC_CANCEL", IORING_OP_ASYNC_CANCEL.rawValue),
    ]

    /// Operations that are used when they are there.
    public static let optional: [(name: String, code: UInt32)] = [
        ("SEND_ZC", IORING_OP_SEND_ZC.rawValue), ("MSG_RING", IORING_OP_MSG_RING.rawValue),
    ]

    /// What one kernel offers.
    public struct Report: Sendable {
        public let missing: [String]
        public let available: [String]
        public let fixedFiles: UInt32
    }

    /// Makes the ring or says in a sentence why not.
    static func makeRing(
        _ ring: UnsafeMutablePointer<io_uring>, _ settings: KernelRing.Settings
    ) throws(RingFailure) {
        var parameters = io_uring_params()
        parameters.flags =
            UInt32(IORING_SETUP_SINGLE_ISSUER) | UInt32(IORING_SETUP_DEFER_TASKRUN)
            | UInt32(IORING_SETUP_CQSIZE) | UInt32(IORING_SETUP_SUBMIT_ALL)
        parameters.cq_entries = settings.completions
        let made = io_uring_queue_init_params(settings.submissions, ring, &parameters)
        guard made == 0 else { throw setupFailure(-made) }
        let missing = report(of: ring).missing
        guard missing.isEmpty else {
            io_uring_queue_exit(ring)
            throw RingFailure(
                errno: ENOSYS,
                "this kernel's io_uring lacks \(missing.joined(separator: ", ")): "
                    + "Linux 6.1 or newer is needed")
        }
        let registered = io_uring_register_files_sparse(ring, settings.files)
        guard registered == 0 else {
            io_uring_queue_exit(ring)
            throw RingFailure(
                errno: -registered,
                "cannot register \(settings.files) fixed files (\(errorText(-registered))): "
                    + "allow at least that many open files, or set fewer connections"
            )
        }
    }

    /// Whether a NOP completes with the result it is given (`Request.answer`, Linux 6.10).
    public static func answersNops() throws(RingFailure) -> Bool {
        var settings = KernelRing.Settings()
        settings.submissions = 8
        settings.completions = 16
        settings.files = 8
        var ring = try KernelRing(settings)
        let token = OperationToken(kind: 1, generation: 1, slot: 0)
        let result: Int32 = 4096
        precondition(ring.prepare(.answer(result), token: token), "a new ring has room")
        var completion = Completion(token: .nobody, result: 0)
        while ring.reap(into: &completion, limit: 1) == 0 {
            try ring.submit(until: ring.now + 1_000_000_000)
        }
        return completion.result == result
    }

    static func report(of ring: UnsafeMutablePointer<io_uring>) -> Report {
        guard let probe = io_uring_get_probe_ring(ring) else {
            return Report(missing: required.map(\.name), available: [], fixedFiles: 0)
        }
        defer { io_uring_free_probe(probe) }
        let has = { (code: UInt32) in io_uring_opcode_supported(probe, Int32(code)) != 0 }
        return Report(
            missing: required.filter { !has($0.code) }.map(\.name),
            available: (required + optional).filter { has($0.code) }.map(\.name), fixedFiles: 0)
    }

    package static func setupFailure(_ number: Int32) -> RingFailure {
        let advice =
            switch number {
            case EPERM:
                "io_uring is forbidden here: look at /proc/sys/kernel/io_uring_disabled "
                    + "(0 allows it; 1 needs membership of the group in io_uring_group), "
                    + "and at the seccomp profile "
                    + "when this is a container"
            case ENOSYS: "this kernel has no io_uring: Linux 6.1 or newer is needed"
            case EINVAL:
                "this kernel's io_uring is too old (no DEFER_TASKRUN): Linux 6.1 or newer is needed"
            case ENOMEM:
                "not enough locked memory for the ring: raise memlock (ulimit -l, LimitMEMLOCK)"
            default: errorText(number)
            }
        return RingFailure(errno: number, "cannot set up io_uring: \(advice)")
    }

    package static func registrationFailure(_ number: Int32, bytes: Int) -> RingFailure {
        let size = "\(bytes >> 20) MiB"
        let advice =
            number == ENOMEM || number == EPERM
            ? "raise memlock to at least that (ulimit -l, LimitMEMLOCK=infinity), "
                + "give the process CAP_IPC_LOCK, or set fewer buffers" : errorText(number)
        return RingFailure(errno: number, "cannot register \(size) of buffers: \(advice)")
    }
}
