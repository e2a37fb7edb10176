import Glibc
import Reactor
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: [
        ("127.0.0.1", UInt16(80), "127.0.0.1:80"), ("10.1.2.3", 65535, "10.1.2.3:65535"),
        ("::1", 7, "[::1]:7"), ("fe80::1:2", 9000, "[fe80::1:2]:9000"),
    ])
    func numericAddressesReadBack(host: String, port: UInt16, text: String) throws {
        let address = try #require(SocketAddress(host: host, port: port))
        #expect(address.port == port)
        #expect(address.text == text)
        #expect(address.family == (host.contains(":") ? AF_INET6 : AF_INET))
    }

    @Test(arguments: ["localhost", "", "1.2.3", "256.0.0.1", "::g"])
    func namesAreNotAddresses(host: String) {
        #expect(SocketAddress(host: host, port: 1) == nil)
    }

    @Test func nothingHasNoName() { #expect(SocketAddress().text == "unknown") }
}
