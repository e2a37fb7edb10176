import Glibc

/// A `sockaddr_storage` and its length, laid out so that the kernel can fill both in place.
public struct SocketAddress: BitwiseCopyable, @unchecked Sendable {
    // Unchecked: sockaddr_storage is plain bytes, which the importer does not say.
    public var storage = sockaddr_storage()
    public var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    public init() {}

    /// Reads a numeric IPv4 or IPv6 address. Names are resolved before they come here: a lookup
    /// blocks.
    public init?(host: String, port: UInt16) {
        self.init()
        var four = in_addr()
        var six = in6_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr = four
            fill(address)
        } else if inet_pton(AF_INET6, host, &six) == 1 {
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = six
            fill(address)
        } else {
            return nil
        }
    }

    /// An address as the resolver gives it (`sockaddr`).
    init(_ bytes: UnsafeRawBufferPointer) {
        self.init()
        precondition(
            bytes.count <= MemoryLayout<sockaddr_storage>.size,
            "the resolver gives socket addresses")
        withUnsafeMutableBytes(of: &storage) { $0.copyMemory(from: bytes) }
        length = socklen_t(bytes.count)
    }

    /// Has a call read the address, which takes any family's as `sockaddr`.
    package func withSockaddr<Result>(
        _ call: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, length) }
        }
    }

    /// Has a call fill the address and its length.
    /// - Returns: what the call returned, and the address.
    package static func filled(
        by call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) -> (result: CInt, address: SocketAddress) {
        var address = SocketAddress()
        var length = address.length
        let result = withUnsafeMutablePointer(to: &address.storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &length) }
        }
        address.length = length
        return (result, address)
    }

    private mutating func fill<Address>(_ address: Address) {
        withUnsafeMutableBytes(of: &storage) { target in
            withUnsafeBytes(of: address) { target.copyMemory(from: $0) }
        }
        length = socklen_t(MemoryLayout<Address>.size)
    }

    public var family: Int32 { Int32(storage.ss_family) }

    public var port: UInt16 {
        withUnsafeBytes(of: storage) {
            UInt16(bigEndian: $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }

    /// The address without its port: 4 bytes of IPv4 or 16 of IPv6, as they travel.
    package var hostBytes: [UInt8] {
        withUnsafeBytes(of: storage) { Array(family == AF_INET6 ? $0[8..<24] : $0[4..<8]) }
    }

    /// Whether both name the same family, host and port.
    public func isSame(as other: SocketAddress) -> Bool {
        guard length == other.length else { return false }
        return withUnsafeBytes(of: storage) { mine in
            withUnsafeBytes(of: other.storage) { theirs in
                mine.prefix(Int(length)).elementsEqual(theirs.prefix(Int(length)))
            }
        }
    }

    /// `host:port`, for logs.
    public var text: String {
        switch family {
        case AF_INET6: "[\(host)]:\(port)"
        case AF_INET: "\(host):\(port)"
        default: "unknown"
        }
    }

    /// The numeric address without its port.
    public var host: String {
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isSix = family == AF_INET6
        let found = withUnsafeBytes(of: storage) { bytes in
            inet_ntop(
                family, bytes.baseAddress.unsafelyUnwrapped + (isSix ? 8 : 4), &buffer,
                socklen_t(buffer.count)) != nil
        }
        guard found else { return "unknown" }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    }
}
