import ControlClient
import Reactor
import System
import Transport
import Wire

/// A control link, by its place in the engine's slab of them.
package typealias ControlIndex = RecordIndex<ControlLink>

/// One connection to a namenode. Valid until `controlFailed` was taken or it was ended.
package struct ControlID: Hashable, Sendable {
    package let index: ControlIndex
}

/// A greeted TCP connection that carries any number of calls at once: the namenode answers them
/// under their request ids, in its own order.
package struct ControlLink: ~Copyable {
    enum Phase: UInt8 { case connecting, greeting, open, failed, closing }

    /// One receive takes at most this.
    static let receiveBytes = 16 << 10
    /// Requests that wait for the socket beyond this make `call` answer `nil`.
    static let queueBytes = Limits.controlMessageBytes + 4

    /// For messages.
    let name: String
    let hello: ControlHello
    let expected: ClusterID?

    var phase = Phase.connecting
    /// `nil` when the kernel has let go of it.
    var connection: ConnectionIndex?
    var decoder = ControlFrameDecoder()

    /// Frames that wait for the send that is under way.
    var queued: [UInt8] = []
    var sending = StableBytes()

    var unanswered = 0
    var failure: ControlFailure?

    init(_ endpoint: Endpoint, hello: ControlHello, _ expected: ClusterID?) {
        self.hello = hello
        self.expected = expected
        name = endpoint.description
    }

    /// It is greeted or greets: what is queued may be sent.
    var isTalking: Bool { phase == .open || phase == .greeting }

    func unreachable(_ number: Int32) -> ControlFailure {
        let reason = number == 0 ? "it closed the connection" : errorText(number)
        return .unreachable(address: name, reason: reason)
    }

    func checkInvariants(_ settings: EngineSettings, calls: Int) {
        precondition(connection != nil || phase == .failed || phase == .closing, "it has a socket")
        precondition(unanswered <= settings.callsPerControl, "calls have a bound")
        precondition(phase != .open || unanswered == calls, "who is unanswered is counted")
        precondition((failure != nil) == (phase == .failed) || phase == .closing, "it says why")
    }
}
