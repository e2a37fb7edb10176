import Reactor
import System
import Wire

/// Where an engine puts a read's bytes itself.
package struct ReadSink: Sendable {
    package let descriptor: Int32
    /// Of the range's first byte, for a seekable sink; `nil`: at the descriptor's own position, in
    /// order.
    package let position: UInt64?

    package init(descriptor: Int32, position: UInt64?) {
        self.descriptor = descriptor
        self.position = position
    }
}

/// What an owner says of a range it wants read.
package struct ReadRequest {
    package var assembly: ReadAssembly
    package var opening: StreamOpening
    package var address: SocketAddress
    /// `nil`: the owner takes `payload` events and answers with `consumed`.
    package var sink: ReadSink?

    package init(assembly: ReadAssembly, opening: StreamOpening, address: SocketAddress) {
        self.assembly = assembly
        self.opening = opening
        self.address = address
    }
}
