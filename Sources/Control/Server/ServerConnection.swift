import Glibc
import Wire

/// One caller's TCP connection: bytes in, messages out to its owner, answers back.
///
/// Used on the server's queue alone. The poller says when the socket is ready; what was asked of it
/// and what is queued for it leaves with `flush`.
final class ServerConnection {
    enum Phase: Equatable {
        /// Waits for Hello.
        case greeting
        case open
        /// Sends what is left, then closes. Reads nothing.
        case closing
        /// Everything is sent and the sending side is shut: throws away what comes until the peer
        /// closes.
        case lingering
        case closed
    }

    /// The bytes of a Hello are few; a caller that has not said it gets no more room.
    static let helloBytes = 4_096
    private static let receiveBytes = 64 << 10

    let number: UInt64
    let peer: String
    private let descriptor: Int32
    private let poller: Poller
    private let bounds: Bounds
    private let timing: ServerTiming
    private var watchesReading = true
    private var watchesWriting = false
    /// Something was queued since the last flush.
    private var isMarked = false

    private(set) var phase = Phase.greeting
    private(set) var standing = Standing.arriving
    var caller: Caller
    /// When the last whole message came.
    private var heard: Int64
    private var hasAsked = false
    private var arrived = FrameBuffer()
    private var pending: [UInt8] = []
    private var sent = 0
    /// Requests whose replies have not been queued.
    private var unanswered = 0
    private var deadline: Int64
    /// When the peer was heard of last, as of this turn of the server.
    var now: Int64
    /// Bytes of an unfinished message, and since when there are some.
    private(set) var arriving = 0
    private(set) var arrivingSince: Int64 = 0
    private var isDelivering = false
    private var lingers = false

    /// A message's body arrived. In `greeting` it should be a Hello, in `open` a Request.
    var onMessage: ((ServerConnection, [UInt8]) -> Void)?
    /// The stream cannot go on; the reason is for the peer and the log.
    var onMalformed: ((ServerConnection, String) -> Void)?
    /// The bytes of unfinished messages that are held became more or fewer by so many.
    var onArriving: ((ServerConnection, Int) -> Void)?
    /// Something is queued: `flush` has to be called before the server waits again.
    var onQueued: ((ServerConnection) -> Void)?
    /// The descriptor is closed.
    var onClosed: ((ServerConnection) -> Void)?

    init(
        _ arrival: ServerSocket.Arrival, number: UInt64, challenge: [UInt8], bounds: Bounds,
        timing: ServerTiming, now: Int64, poller: Poller
    ) {
        descriptor = arrival.descriptor
        self.number = number
        peer = arrival.peer
        self.bounds = bounds
        self.timing = timing
        caller = Caller(
            role: .unspecified, challenge: challenge, peer: arrival.peer, address: arrival.address)
        self.now = now
        heard = now
        self.poller = poller
        deadline = now + timing.handshakeMs
    }

    func start() {
        do { try poller.add(descriptor, number: number) } catch { close() }
    }

    func ready(reads: Bool, writes: Bool) {
        if reads { receive() }
        if writes { flush() }
    }

    /// The handshake is done: Requests follow. A datanode's is done for good when it is `proven`.
    func open(as role: ControlRole, now: Int64) {
        precondition(phase == .greeting, "a handshake happens once")
        caller.role = role
        phase = .open
        if role == .client {
            standing = .client
            deadline = now + timing.idleMs
        } else {
            deadline = now + timing.handshakeMs
        }
    }

    /// It proved the cluster's secret.
    func proven(now: Int64) {
        standing = .datanode
        deadline = now + timing.idleMs
    }

    var seat: Seat {
        Seat(
            number: number, address: caller.address, heard: heard,
            isIdle: phase != .open || (unanswered == 0 && sent == pending.count),
            hasAsked: hasAsked)
    }

    /// Queues a message's frame.
    func send(_ frame: [UInt8], answers: Bool = false) {
        guard phase == .greeting || phase == .open else { return }
        if answers { unanswered -= 1 }
        pending += frame
        guard !isMarked else { return }
        isMarked = true
        onQueued?(self)
    }

    /// Takes nothing more from the peer and closes when everything is sent.
    /// - Parameter lingering: the last thing sent is a refusal of what the peer may still be
    ///   sending.
    func finish(lingering: Bool = false) {
        guard phase == .greeting || phase == .open else { return }
        phase = .closing
        lingers = lingering
        arrived = FrameBuffer()
        countArriving(0)
        deadline = now + timing.progressMs
        flush()
    }

    private func allSent() {
        guard lingers else { return close() }
        phase = .lingering
        deadline = now + timing.lingerMs
        if shutdown(descriptor, Int32(SHUT_WR)) != 0 { return close() }
        schedule()
    }

    /// Closes now. What is not sent is lost.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        countArriving(0)
        poller.remove(descriptor)
        _ = Glibc.close(descriptor)
        onClosed?(self)
        onMessage = nil
        onMalformed = nil
        onArriving = nil
        onQueued = nil
        onClosed = nil
    }

    /// Cuts off a peer that is too slow or silent; answers whether it was.
    func cutOff(now: Int64) -> Bool {
        guard phase != .closed, now >= deadline else { return false }
        close()
        return true
    }

    private var isHeldBack: Bool {
        unanswered >= bounds.requestsPerConnection
            || pending.count - sent >= bounds.replyBacklogBytes
    }

    private func receive() {
        guard phase == .greeting || phase == .open || phase == .lingering else { return }
        let outcome = arrived.receive(Self.receiveBytes) {
            ServerSocket.receive(descriptor, into: $0)
        }
        // What comes behind a refusal is thrown away.
        if phase == .lingering { arrived = FrameBuffer() }
        switch outcome {
        case .bytes: if phase != .lingering { deliver() }
        case .wouldBlock: break
        case .end, .failed: close()
        }
    }

    /// Hands on whole messages, as many as may be under way at one time. A reply that leaves calls
    /// it again for those that had to wait.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        do throws(ControlFrame.Failure) {
            while phase == .greeting || phase == .open, !isHeldBack {
                guard let body = try arrived.next() else { break }
                heard = now
                touch()
                if phase == .open {
                    unanswered += 1
                    hasAsked = true
                }
                onMessage?(self, body)
            }
        } catch {
            switch error {
            case .tooLong(let count):
                onMalformed?(
                    self, "a message of \(count) bytes is over \(Limits.controlMessageBytes)")
            case .unreadable: onMalformed?(self, "the message cannot be read")
            }
        }
        if phase == .greeting, arrived.buffered > Self.helloBytes {
            onMalformed?(self, "a Hello has at most \(Self.helloBytes) bytes")
        }
        if phase == .greeting || phase == .open {
            countArriving(arrived.buffered)
            arrived.shrink(to: Self.receiveBytes)
        }
        schedule()
    }

    /// Sends what the socket takes, and goes on with messages that had to wait for it.
    func flush() {
        isMarked = false
        guard phase != .closed, phase != .lingering else { return }
        while sent < pending.count {
            let outcome = pending.withUnsafeBytes { bytes in
                ServerSocket.send(descriptor, UnsafeRawBufferPointer(rebasing: bytes[sent...]))
            }
            switch outcome {
            case .bytes(let count):
                sent += count
                touch()
            case .wouldBlock:
                schedule()
                return
            case .end, .failed:
                close()
                return
            }
        }
        pending.removeAll(keepingCapacity: pending.count < Self.receiveBytes)
        sent = 0
        if phase == .closing {
            allSent()
        } else if phase == .open, arrived.buffered > 0 {
            deliver()
        } else {
            schedule()
        }
    }

    private func countArriving(_ bytes: Int) {
        let change = bytes - arriving
        if arriving == 0 || heard == now { arrivingSince = now }
        arriving = bytes
        if change != 0 { onArriving?(self, change) }
    }

    /// Something moved: the peer has its time again.
    private func touch() {
        guard standing != .arriving || phase == .closing else { return }
        deadline = now + (phase == .closing ? timing.progressMs : timing.idleMs)
    }

    /// Sets the sources to what is wanted now, and the deadline for half a message or an answer not
    /// taken.
    private func schedule() {
        guard phase != .closed else { return }
        let takes = (phase == .greeting || phase == .open) && !isHeldBack
        let wantsRead = takes || phase == .lingering
        let wantsWrite = sent < pending.count && !isMarked
        if wantsRead != watchesReading || wantsWrite != watchesWriting {
            watchesReading = wantsRead
            watchesWriting = wantsWrite
            poller.watch(descriptor, number: number, reads: wantsRead, writes: wantsWrite)
        }
        let isWaiting = wantsWrite || (arrived.buffered > 0 && !isHeldBack)
        if phase == .open, isWaiting {
            deadline = min(deadline, now + timing.progressMs)
        }
    }
}
