import Reactor
import System
import Wire

/// What an owner says of a range it wants read.
package struct ReadRequest {
    package var assembly: ReadAssembly
    package var opening: StreamOpening
    package var address: SocketAddress
    /// `nil`: the owner takes `payload` events and answers with `consumed`.
    package var sink: PayloadFile?

    package init(assembly: ReadAssembly, opening: StreamOpening, address: SocketAddress) {
        self.assembly = assembly
        self.opening = opening
        self.address = address
    }
}
