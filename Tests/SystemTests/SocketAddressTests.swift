import Glibc
import System
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

    @Test func theBytesOfAHostAreInTheirOrder() throws {
        let four = try #require(SocketAddress(host: "10.1.2.3", port: 80))
        #expect(four.hostBytes == [10, 1, 2, 3])
        let six = try #require(SocketAddress(host: "fe80::102", port: 80))
        #expect(six.hostBytes == [0xfe, 0x80] + [UInt8](repeating: 0, count: 12) + [1, 2])
    }

    @Test(arguments: ["127.0.0.1", "::1"])
    func aListenerKnowsItsPort(host: String) throws {
        let wanted = try #require(SocketAddress(host: host, port: 0))
        let listener = try ListeningSocket.open(on: wanted, backlog: 1)
        defer { close(listener.descriptor) }
        #expect(listener.address.host == host && listener.address.port != 0)
        let failure = #expect(throws: SystemFailure.self) {
            try ListeningSocket.open(on: listener.address, backlog: 1)
        }
        #expect(failure?.code == EADDRINUSE)
    }

    @Test func nothingHasNoName() { #expect(SocketAddress().text == "unknown") }
}
