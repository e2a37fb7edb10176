/// Where a daemon listens: `HOST:PORT`, with an IPv6 address in brackets.
public struct Endpoint: Hashable, Sendable {
    /// A name, an IPv4 address, or an IPv6 address without its brackets.
    public let host: String
    public let port: UInt16

    public init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }
}

extension Endpoint: LosslessStringConvertible {
    /// Reads `127.0.0.1:7400`, `[::1]:7400` or `name:7400`; `nil` for anything else.
    ///
    /// An IPv6 address without brackets is refused: where its port begins is not certain.
    public init?(_ text: String) {
        self.init(listening: text)
        // Nobody can be reached there.
        guard port != 0 else { return nil }
    }

    /// Reads where to listen: as any endpoint, and port 0 asks for a free one.
    public init?(listening text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") || host.contains("]") {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: \.isWhitespace) else { return nil }
        self.init(host: String(host), port: port)
    }

    public var description: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Digits only: `UInt16` would take a sign.
    private static func port(_ digits: Substring) -> UInt16? {
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let port = UInt16(digits)
        else { return nil }
        return port
    }
}
