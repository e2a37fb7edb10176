import CURing
import Glibc
import System

/// The kernel's io_uring: one ring, made, submitted to and reaped on one thread
/// (`IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN`, Linux 6.1).
public struct KernelRing: ~Copyable, RingBackend {
    public struct Settings: Sendable {
        /// Operations queued between two submissions.
        public var submissions: UInt32 = 512
        /// Completions the kernel can hold: at least every operation in flight, twice for zero-copy
        /// sends.
        public var completions: UInt32 = 32768
        /// The kernel's own bound (IORING_MAX_CQ_ENTRIES). Completions beyond it wait in the kernel
        /// until there is room (IORING_FEAT_NODROP, io_uring_setup.2); none is lost.
        public static var mostCompletions: UInt32 { 65_536 }
        /// Fixed files: sockets accepted and block files open at once.
        public var files: UInt32 = 16384
        /// Of the sockets that `configure` is given, and of those that `listen` opens.
        public var congestion = CongestionControl.windowed

        public init() {}
    }

    private let ring: UnsafeMutablePointer<io_uring>
    private let event: EventDescriptor
    private let settings: Settings

    /// Probes the kernel, then makes the ring.
    /// - Throws: `RingFailure` with a sentence that names what is missing or forbidden and what to
    ///   do.
    public init(_ settings: Settings = Settings()) throws(RingFailure) {
        let event = try EventDescriptor()
        let memory = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        memory.initialize(to: io_uring())
        do {
            try RingProbe.makeRing(memory, settings)
        } catch {
            memory.deallocate()
            throw error
        }
        self.event = event
        self.settings = settings
        sendsZeroCopy = RingProbe.report(of: memory).available.contains("SEND_ZC")
        ring = memory
    }

    deinit {
        io_uring_queue_exit(ring)
        ring.deallocate()
    }

    public let sendsZeroCopy: Bool

    public var waker: RingWaker { RingWaker(event) }

    /// Reading eight bytes from here completes when the waker was used.
    public var wakeDescriptor: Descriptor { .plain(event.number) }

    public var now: UInt64 { MonotonicClock.nanoseconds }

    public mutating func prepare(_ request: Request, token: OperationToken) -> Bool {
        guard let entry = io_uring_get_sqe(ring) else { return false }
        request.fill(entry)
        io_uring_sqe_set_data64(entry, token.bits)
        return true
    }

    public mutating func submit(until deadline: UInt64?) throws(RingFailure) {
        let result: Int32
        if let deadline {
            let now = self.now
            var span = __kernel_timespec()
            let left = deadline > now ? deadline - now : 0
            span.tv_sec = Int64(left / 1_000_000_000)
            span.tv_nsec = Int64(left % 1_000_000_000)
            var first: UnsafeMutablePointer<io_uring_cqe>?
            result = io_uring_submit_and_wait_timeout(ring, &first, 1, &span, nil)
        } else {
            result = io_uring_submit_and_get_events(ring)
        }
        // EBUSY and EAGAIN: the completion queue must be reaped before more goes in; the caller
        // reaps next.
        guard result < 0, ![ETIME, EINTR, EBUSY, EAGAIN].contains(-result) else { return }
        throw RingFailure(errno: -result, "io_uring_enter failed: \(errorText(-result))")
    }

    public mutating func reap(
        into completions: UnsafeMutablePointer<Completion>, limit: Int
    ) -> Int {
        precondition(
            curing_overflow(ring) == 0, "the completion queue holds every operation's budget")
        return completions.withMemoryRebound(to: curing_completion.self, capacity: limit) {
            Int(curing_reap(ring, $0, UInt32(limit)))
        }
    }

    public mutating func register(region: UnsafeMutableRawBufferPointer) throws(RingFailure) {
        // One registered buffer is at most 1 GiB (io_uring_register.2), so a larger region is
        // several of them; operations name the part their memory lies in.
        precondition(region.count <= 1 << 30, "one registered region is at most 1 GiB")
        var vector = iovec(iov_base: region.baseAddress, iov_len: region.count)
        let result = io_uring_register_buffers(ring, &vector, 1)
        guard result == 0 else {
            throw RingProbe.registrationFailure(-result, bytes: region.count)
        }
    }

    /// A listening socket that any number of kernel rings may accept on. The kernel wakes one of
    /// those that wait (io_uring polls a listener with EPOLLEXCLUSIVE), in turn.
    public static func listen(
        on address: SocketAddress, backlog: Int32, congestion: CongestionControl = .windowed
    ) throws(RingFailure) -> (Descriptor, SocketAddress) {
        do throws(SystemFailure) {
            // Accepted sockets inherit the options, so that a fixed file never needs them set.
            let listener = try ListeningSocket.open(
                on: address, backlog: backlog, prepare: congestion.prepareListener)
            return (.plain(listener.descriptor), listener.address)
        } catch {
            throw RingFailure(errno: error.code, "cannot \(error)")
        }
    }

    public mutating func listen(
        on address: SocketAddress, backlog: Int32
    ) throws(RingFailure) -> (Descriptor, SocketAddress) {
        try Self.listen(on: address, backlog: backlog, congestion: settings.congestion)
    }

    public mutating func configure(_ socket: Descriptor) {
        // A fixed file has no number to set options on; accepted sockets inherit the listener's.
        guard !socket.isFixed else { return }
        settings.congestion.prepare(socket.number)
    }
}
