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
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_NUMERICSERV
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(node.host, String(node.port), &hints, &found) == 0, let first = found
        else { return nil }
        defer { freeaddrinfo(found) }
        self.init()
        let count = Int(first.pointee.ai_addrlen)
        guard let bytes = first.pointee.ai_addr, count <= MemoryLayout<sockaddr_storage>.size else {
            return nil
        }
        withUnsafeMutableBytes(of: &storage) {
            $0.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: count))
        }
        length = first.pointee.ai_addrlen
    }
}
