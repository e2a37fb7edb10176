import ControlClient
import Glibc
import Reactor
import Wire

extension SocketAddress {
    /// Where a node is reached. A numeric address costs nothing; a name asks the system's resolver,
    /// which blocks. `nil`: the name has no address.
    package init?(resolving node: ChainNode) {
        if let address = SocketAddress(host: node.host, port: node.port) {
            self = address
            return
        }
        do throws(ControlFailure) {
            let list = try AddressList(Endpoint(host: node.host, port: node.port))
            guard let first = list.addresses.first else { return nil }
            self.init(first)
        } catch {
            return nil
        }
    }

    /// The address of an endpoint that answers first. Blocks.
    package init(answering endpoint: Endpoint, before deadline: Deadline) throws(ControlFailure) {
        let list = try AddressList(endpoint)
        let (place, descriptor) = try list.connect(before: deadline)
        close(descriptor)
        self.init(list.addresses[place])
    }

    init(_ address: AddressList.Address) {
        self.init()
        precondition(
            address.bytes.count <= MemoryLayout<sockaddr_storage>.size,
            "the resolver gives socket addresses")
        withUnsafeMutableBytes(of: &storage) { $0.copyBytes(from: address.bytes) }
        length = socklen_t(address.bytes.count)
    }
}
