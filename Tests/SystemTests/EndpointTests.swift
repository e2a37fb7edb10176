import System
import Testing

struct EndpointTests {
    @Test(arguments: [
        ("127.0.0.1:7700", "127.0.0.1", 7_700), ("[::1]:1", "::1", 1),
        ("namenode.example:65535", "namenode.example", 65_535), ("a:080", "a", 80),
    ])
    func isRead(_ text: String, _ host: String, _ port: Int) throws {
        let endpoint = try #require(Endpoint(text))
        #expect(endpoint == Endpoint(host: host, port: UInt16(port)))
        #expect(Endpoint(endpoint.description) == endpoint)
    }

    @Test(arguments: [
        "", ":", "host", "host:", ":1", "host:0", "host:65536", "host:+1", "host:-1", "host:1 ",
        "::1:7700", "[::1]", "[::1]7700", "[]:1", "[host]:1", "ho st:1", "host:1:2", "host:１",
    ])
    func isRefused(_ text: String) { #expect(Endpoint(text) == nil) }

    @Test func aListenerMayAskForAFreePort() {
        #expect(Endpoint(listening: "127.0.0.1:0") == Endpoint(host: "127.0.0.1", port: 0))
        #expect(Endpoint(listening: "[::]:7400") == Endpoint(host: "::", port: 7_400))
    }

    /// Where the port of an address without brackets begins is not certain.
    @Test(arguments: ["::1:7400", "[::1:7400", "::1]:0", "h:", "h:+0", ":0"])
    func aListenerIsReadAsStrictly(_ text: String) {
        #expect(Endpoint(listening: text) == nil)
    }

    @Test func isWrittenAsItIsRead() {
        #expect(Endpoint(host: "::1", port: 2).description == "[::1]:2")
        #expect(Endpoint(host: "h", port: 2).description == "h:2")
    }
}
