import Dispatch
import Glibc
import Wire

/// One caller's TCP connection: bytes in, messages out to its owner, answers back.
///
/// Used on the server's queue alone. The descriptor is closed when both of its sources have run their cancel
/// handlers, and nowhere else: Dispatch may look at it until then.
final class ControlConnection {
    enum Phase: Equatable {
        /// Waits for Hello.
        case greeting
        case open
        /// Sends what is left, then closes. Reads nothing.
        case closing
        /// Everything is sent and the sending side is shut: throws away what comes until the peer closes.
        case lingering
        case closed
    }

    /// The bytes of a Hello are few; a caller that has not said it gets no more room.
    static let helloBytes = 4_096
    private static let receiveBytes = 64 << 10

    let number: UInt64
    let peer: String
    private let descriptor: Int32
    private let reading: any DispatchSourceRead
    private let writing: any DispatchSourceWrite
    private let bounds: Bounds
    private let timing: ServerTiming
    private var liveSources = 2
    private var readSuspended = false
    private var writeSuspended = true

    private(set) var phase = Phase.greeting
    var caller: Caller
    private var decoder = ControlFrameDecoder()
    private var pending: [UInt8] = []
    private var sent = 0
    /// Requests whose replies have not been queued.
    private var unanswered = 0
    private var deadline: Int64
    private var arriving = 0
    private var isDelivering = false
    private var lingers = false

    /// A message's body arrived. In `greeting` it should be a Hello, in `open` a Request.
    var onMessage: ((ControlConnection, [UInt8]) -> Void)?
    /// The stream cannot go on; the reason is for the peer and the log.
    var onMalformed: ((ControlConnection, String) -> Void)?
    /// The bytes of unfinished messages that are held became more or fewer by so many.
    var onArriving: ((ControlConnection, Int) -> Void)?
    /// The descriptor is closed.
    var onClosed: ((ControlConnection) -> Void)?

    init(
        descriptor: Int32, number: UInt64, peer: String, challenge: [UInt8], bounds: Bounds,
        timing: ServerTiming, now: Int64, queue: DispatchQueue
    ) {
        self.descriptor = descriptor
        self.number = number
        self.peer = peer
        self.bounds = bounds
        self.timing = timing
        caller = Caller(role: .unspecified, challenge: challenge, peer: peer)
        deadline = now + timing.handshakeMs
        reading = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
        writing = DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
    }

    func start() {
        reading.setEventHandler { [unowned self] in receive() }
        writing.setEventHandler { [unowned self] in flush() }
        // The handlers keep the connection until both have run.
        reading.setCancelHandler { self.sourceEnded() }
        writing.setCancelHandler { self.sourceEnded() }
        reading.activate()
        writing.activate()
        writing.suspend()
    }

    /// The handshake is done: Requests follow.
    func open(as role: ControlRole, now: Int64) {
        precondition(phase == .greeting, "a handshake happens once")
        caller.role = role
        phase = .open
        deadline = now + timing.idleMs
    }

    /// Queues a message's frame, and sends what the socket takes.
    func send(_ frame: [UInt8], answers: Bool = false) {
        guard phase == .greeting || phase == .open else { return }
        if answers { unanswered -= 1 }
        pending += frame
        flush()
        schedule()
    }

    /// Takes nothing more from the peer and closes when everything is sent.
    /// - Parameter lingering: the last thing sent is a refusal of what the peer may still be sending.
    func finish(lingering: Bool = false) {
        guard phase == .greeting || phase == .open else { return }
        phase = .closing
        lingers = lingering
        decoder = ControlFrameDecoder()
        countArriving(0)
        deadline = MonotonicClock.milliseconds() + timing.progressMs
        flush()
    }

    private func allSent() {
        guard lingers else { return close() }
        phase = .lingering
        deadline = MonotonicClock.milliseconds() + timing.lingerMs
        if shutdown(descriptor, Int32(SHUT_WR)) != 0 { return close() }
        schedule()
    }

    /// Closes now. What is not sent is lost.
    func close() {
        guard phase != .closed else { return }
        phase = .closed
        countArriving(0)
        // A suspended source never runs its cancel handler.
        if readSuspended { reading.resume() }
        if writeSuspended { writing.resume() }
        readSuspended = false
        writeSuspended = false
        reading.cancel()
        writing.cancel()
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
        let outcome: Socket.Moved = withUnsafeTemporaryAllocation(
            byteCount: Self.receiveBytes, alignment: 16
        ) { buffer in
            let outcome = Socket.receive(descriptor, into: buffer)
            if case .bytes(let count) = outcome, phase != .lingering {
                decoder.append(buffer[..<count])
            }
            return outcome
        }
        switch outcome {
        case .bytes: if phase != .lingering { deliver() }
        case .wouldBlock: break
        case .end, .failed: close()
        }
    }

    /// Hands on whole messages, as many as may be under way at one time. A reply that leaves calls it again for
    /// those that had to wait.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        defer { isDelivering = false }
        do throws(ControlFrame.Failure) {
            while phase == .greeting || phase == .open, !isHeldBack {
                guard let body = try decoder.next() else { break }
                touch()
                if phase == .open { unanswered += 1 }
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
        if phase == .greeting, decoder.buffered > Self.helloBytes {
            onMalformed?(self, "a Hello has at most \(Self.helloBytes) bytes")
        }
        if phase == .greeting || phase == .open { countArriving(decoder.buffered) }
        schedule()
    }

    private func flush() {
        guard phase != .closed, phase != .lingering else { return }
        while sent < pending.count {
            let outcome = pending.withUnsafeBytes { bytes in
                Socket.send(descriptor, UnsafeRawBufferPointer(rebasing: bytes[sent...]))
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
        } else if phase == .open, decoder.buffered > 0 {
            deliver()
        } else {
            schedule()
        }
    }

    private func countArriving(_ bytes: Int) {
        let change = bytes - arriving
        arriving = bytes
        if change != 0 { onArriving?(self, change) }
    }

    /// Something moved: the peer has its time again.
    private func touch() {
        guard phase != .greeting else { return }
        let now = MonotonicClock.milliseconds()
        deadline = now + (phase == .closing ? timing.progressMs : timing.idleMs)
    }

    /// Sets the sources to what is wanted now, and the deadline for half a message or an answer not taken.
    private func schedule() {
        guard phase != .closed else { return }
        let takes = (phase == .greeting || phase == .open) && !isHeldBack
        let wantsRead = takes || phase == .lingering
        if wantsRead == readSuspended {
            if wantsRead { reading.resume() } else { reading.suspend() }
            readSuspended.toggle()
        }
        let wantsWrite = sent < pending.count
        if wantsWrite == writeSuspended {
            if wantsWrite { writing.resume() } else { writing.suspend() }
            writeSuspended.toggle()
        }
        let isWaiting = wantsWrite || (decoder.buffered > 0 && !isHeldBack)
        if phase == .open, isWaiting {
            deadline = min(deadline, MonotonicClock.milliseconds() + timing.progressMs)
        }
    }

    private func sourceEnded() {
        liveSources -= 1
        guard liveSources == 0 else { return }
        _ = Glibc.close(descriptor)
        onClosed?(self)
        onMessage = nil
        onMalformed = nil
        onArriving = nil
        onClosed = nil
    }
}
