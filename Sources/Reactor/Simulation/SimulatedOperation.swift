/// One operation in a simulated ring, from submission to its last completion.
final class SimulatedOperation {
    enum Phase {
        /// Waits for bytes, room, a connection or an answer; may be cancelled.
        case waiting
        /// Its result is decided and its completion is on the way.
        case settled
        /// Its completion is in the queue; a zero-copy send still waits for its notification.
        case completed
        case ended
    }

    let number: UInt64
    let token: OperationToken
    let request: Request
    let ring: SimulatedRingCore
    var object: SimulatedObject?
    var phase = Phase.waiting
    /// Bytes moved so far.
    var moved = 0
    /// Bytes after which it ends: all, or fewer when a fault says so.
    var limit: Int
    var result: Int32 = 0
    /// What the submitter's path or address said when the operation was submitted.
    var path = ""
    var secondPath = ""
    var startedAt: UInt64
    /// For a sync: what it covers.
    var covered: UInt64 = 0
    /// For a send or write: a checksum of its memory, which must not change while the ring has it.
    var checksum: UInt64 = 0
    /// An injected error, which a file's operation meets when it has its effect.
    var injected: Int32 = 0
    /// For a zero-copy send: a notification follows its completion.
    var notifies = false
    /// For a zero-copy send: pieces of it that have not reached the other side.
    var outstanding = 0

    init(
        number: UInt64, token: OperationToken, request: Request, ring: SimulatedRingCore,
        startedAt: UInt64
    ) {
        self.number = number
        self.token = token
        self.request = request
        self.ring = ring
        self.startedAt = startedAt
        limit = request.byteCount
    }

    /// A piece of a zero-copy send has reached the other side, or never will.
    func delivered() {
        outstanding -= 1
        if outstanding == 0, phase == .completed { ring.scheduleNotification(self) }
    }

    /// Memory the ring fills.
    var target: UnsafeRawBufferPointer? {
        switch request {
        case .receive(_, let memory, let count, _), .read(_, let memory, let count, _, _):
            UnsafeRawBufferPointer(start: memory, count: count)
        default: nil
        }
    }

    /// Memory the ring reads.
    var source: UnsafeRawBufferPointer? {
        switch request {
        case .send(_, let memory, let count, _), .sendZeroCopy(_, let memory, let count, _),
            .write(_, let memory, let count, _, _):
            UnsafeRawBufferPointer(start: memory, count: count)
        default: nil
        }
    }

    var isZeroCopy: Bool {
        if case .sendZeroCopy = request { true } else { false }
    }

    var waitsForAll: Bool {
        switch request {
        case .receive(_, _, _, let waitAll): waitAll
        case .send, .sendZeroCopy: true
        default: false
        }
    }

    /// Traps when the submitter changed memory that the ring still reads.
    func checkSource() {
        guard let source else { return }
        precondition(
            Self.checksum(of: source) == checksum,
            isZeroCopy
                ? "the memory of a zero-copy send was changed before its notification"
                : "the memory of a send or write was changed before its completion")
    }

    /// Eight bytes a step; finds every change of one step and nearly every other.
    static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        let whole = bytes.count & ~7
        var offset = 0
        while offset < whole {
            sum =
                (sum ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                &* 0x9fb2_1c65_1e98_df25
            sum ^= sum >> 29
            offset += 8
        }
        while offset < bytes.count {
            sum = (sum ^ UInt64(bytes[offset])) &* 0x9fb2_1c65_1e98_df25
            offset += 1
        }
        return sum
    }
}
