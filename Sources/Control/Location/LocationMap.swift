import Wire

/// The operator's answer to "where does this node stand?".
///
/// A text file with one line `NODE LOCATION` for each node: NODE is a node id or the `host:port`
/// under which the datanode registers, LOCATION is `/az/pod/rack/node`. Empty lines and lines that
/// begin with `#` are skipped. A node that is named both ways goes by its id. A datanode that
/// states its own location goes by that; one that neither it nor the map places stands at
/// `/default/default/default/<node id>`.
package struct LocationMap: Sendable, Equatable {
    package struct Malformed: Error, Equatable, Sendable {
        package let line: Int
        package let reason: String
    }

    /// Lines read at most.
    package static let most = 100_000

    /// What a line says, and which it is.
    private struct Entry: Sendable, Equatable {
        let location: Location
        let line: Int
    }

    private var nodes: [NodeID: Entry] = [:]
    private var addresses: [String: Entry] = [:]

    package init() {}

    package var count: Int { nodes.count + addresses.count }

    package init(parsing text: String) throws(Malformed) {
        // A person's editor chooses the line ends. To Swift "\r\n" is one character, and another
        // one than "\n"; some editors begin a text with a byte order mark.
        let lines = text.drop { $0 == "\u{feff}" }
            .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard index < Self.most else {
                throw Malformed(line: index + 1, reason: "more than \(Self.most) lines")
            }
            guard words.count == 2, let location = Location(String(words[1])) else {
                throw Malformed(
                    line: index + 1, reason: "expected NODE and /az/pod/rack/node, got \"\(line)\"")
            }
            guard location.names.count == Location.most - 1 else {
                throw Malformed(line: index + 1, reason: "a node has four levels: \(location)")
            }
            let entry = Entry(location: location, line: index + 1)
            if let node = NodeID(String(first)) {
                nodes[node] = entry
            } else if first.contains(":") {
                addresses[String(first)] = entry
            } else {
                throw Malformed(
                    line: index + 1, reason: "\"\(first)\" is neither a node id nor host:port")
            }
        }
    }

    package func location(of node: NodeID, host: String, port: UInt16) -> Location? {
        (nodes[node] ?? addresses["\(host):\(port)"])?.location
    }

    /// Lines that place none of these nodes, in order: of hosts that are not up yet, or misspelt.
    func idle(among registered: some Collection<NodeEntry>) -> [(line: Int, name: String)] {
        let ids = Set(registered.map(\.id))
        let hosts = Set(registered.map { "\($0.host):\($0.port)" })
        let unknown = nodes.filter { !ids.contains($0.key) }.map { ($0.value.line, "\($0.key)") }
        let unseen = addresses.filter { !hosts.contains($0.key) }.map { ($0.value.line, $0.key) }
        return (unknown + unseen).sorted { $0.0 < $1.0 }.map { (line: $0.0, name: $0.1) }
    }
}
