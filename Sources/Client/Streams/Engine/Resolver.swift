import ControlClient
import Glibc
import Reactor
import System
import Wire

extension SocketAddress {
    /// Where a node is reached. A numeric address costs nothing; a name asks the system's resolver,
    /// which blocks. `nil`: the name has no address.
    package init?(resolving node: ChainNode) {
        if let address = SocketAddress(host: node.host, port: node.port) {
            self = address
            return
        }
        do throws(DialFailure) {
            let list = try AddressList(Endpoint(host: node.host, port: node.port))
            guard let first = list.addresses.first else { return nil }
            self = first
        } catch {
            return nil
        }
    }

    /// The address of an endpoint that answers first. Blocks.
    package init(answering endpoint: Endpoint, before deadline: Deadline) throws(ControlFailure) {
        do throws(DialFailure) {
            let list = try AddressList(endpoint)
            let (place, descriptor) = try list.connect(before: deadline)
            close(descriptor)
            self = list.addresses[place]
        } catch {
            throw ControlFailure(error)
        }
    }
}
