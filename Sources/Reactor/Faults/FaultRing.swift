import Glibc
import System

/// A ring that does what another does, but for the faults it was given.
///
/// A third implementation of `RingBackend`, chosen when a process starts: the rooms are specialised
/// for it as for the others, so that a ring without faults has not one instruction more. An errno
/// goes through the kernel all the same: the operation becomes a NOP that completes with it
/// (`IORING_NOP_INJECT_RESULT`, Linux 6.10), in its turn among the others.
public struct FaultRing<Base: RingBackend & ~Copyable>: ~Copyable, RingBackend {
    /// Half of a transfer is still whole sectors, which direct I/O wants.
    private static var sector: Int { 512 }

    private var base: Base
    private let faults: [RingFault]
    /// How often each fault's place was passed.
    private var counts: [Int]

    public init(_ base: consuming Base, _ faults: [RingFault]) {
        self.base = base
        self.faults = faults
        counts = Array(repeating: 0, count: faults.count)
    }

    public var now: UInt64 { base.now }

    public mutating func prepare(_ request: Request, token: OperationToken) -> Bool {
        // A full submission queue takes nothing, and the same request comes again: its fault is
        // decided once, so what it counted is taken back.
        let before = counts
        let changed = pass(token.kind, .begin, request)
        let isTaken = base.prepare(changed, token: token)
        if !isTaken { counts = before }
        return isTaken
    }

    public mutating func submit(until deadline: UInt64?) throws(RingFailure) {
        try base.submit(until: deadline)
    }

    public mutating func reap(
        into completions: UnsafeMutablePointer<Completion>, limit: Int
    ) -> Int {
        let count = base.reap(into: completions, limit: limit)
        for index in 0..<count where !completions[index].isNotification {
            _ = pass(completions[index].token.kind, .end, .nop)
        }
        return count
    }

    public mutating func register(region: UnsafeMutableRawBufferPointer) throws(RingFailure) {
        try base.register(region: region)
    }

    public mutating func listen(
        on address: SocketAddress, backlog: Int32
    ) throws(RingFailure) -> (Descriptor, SocketAddress) {
        try base.listen(on: address, backlog: backlog)
    }

    public mutating func configure(_ socket: Descriptor) { base.configure(socket) }

    public var sendsZeroCopy: Bool { base.sendsZeroCopy }

    public var waker: RingWaker { base.waker }

    public var wakeDescriptor: Descriptor { base.wakeDescriptor }

    /// Passes a place: counts, and does what is due there.
    /// - Returns: the request that is made instead.
    private mutating func pass(
        _ kind: UInt8, _ moment: RingFault.Moment, _ request: Request
    ) -> Request {
        var request = request
        for index in faults.indices where faults[index].kind == kind {
            guard faults[index].moment == moment else { continue }
            counts[index] += 1
            guard faults[index].happens(at: counts[index]) else { continue }
            switch faults[index].action {
            case .kill: _ = Glibc.kill(getpid(), SIGKILL)
            case .stop: _ = Glibc.kill(getpid(), SIGSTOP)
            case .delay(let milliseconds): usleep(milliseconds * 1_000)
            case .fail(let errno): request = .answer(-errno)
            case .short: request = Self.half(of: request)
            }
        }
        return request
    }

    private static func half(of request: Request) -> Request {
        switch request {
        case .receive(let socket, let memory, let count, let waitAll):
            .receive(socket, memory, count: max(1, count / 2), waitAll: waitAll)
        case .send(let socket, let memory, let count, _):
            .send(socket, memory, count: max(1, count / 2), more: true)
        case .read(let file, let memory, let count, let offset, let registered):
            .read(file, memory, count: sectors(count), offset: offset, registered: registered)
        case .write(let file, let memory, let count, let offset, let registered):
            .write(file, memory, count: sectors(count), offset: offset, registered: registered)
        default: request
        }
    }

    private static func sectors(_ count: Int) -> Int {
        max(min(count, sector), count / 2 / sector * sector)
    }
}
