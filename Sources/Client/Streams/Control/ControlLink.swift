import ControlClient
import Reactor
import System
import Transport
import Wire

/// A control link, by its place in the engine's slab of them.
package typealias ControlIndex = Int32
/// A call, by its place in the engine's slab of them.
package typealias CallIndex = Int32

/// One connection to a namenode. Valid until `controlFailed` was taken or it was ended.
package struct ControlID: Hashable, Sendable {
    package let index: ControlIndex
}

/// One call without an answer yet: its place among the engine's calls, given to another one after
/// `replied` or `callFailed`.
package struct CallID: Hashable, Sendable {
    package let index: CallIndex
}

/// One call on its way.
struct ControlCall {
    let link: ControlIndex
    /// As the namenode repeats it.
    let request: UInt64
}

/// A greeted TCP connection that carries any number of calls at once: the namenode answers them
/// under their request ids, in its own order.
struct ControlLink: ~Copyable {
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
    /// Its place in the transport, or -1 when the kernel has let go of it.
    var connection: ConnectionIndex = -1
    var decoder = ControlFrameDecoder()

    /// Frames that wait for the send that is under way.
    var queued: [UInt8] = []
    var sending = StableBytes()

    var unanswered = 0
    var isTeller = false
    var isSender = false
    var failure: ControlFailure?

    init(_ endpoint: Endpoint, hello: ControlHello, _ expected: ClusterID?) {
        self.hello = hello
        self.expected = expected
        name = endpoint.description
    }
}
