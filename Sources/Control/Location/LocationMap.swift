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

    private var nodes: [NodeID: Location] = [:]
    private var addresses: [String: Location] = [:]

    package init() {}

    package var count: Int { nodes.count + addresses.count }

    package init(parsing text: String) throws(Malformed) {
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
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
            if let node = NodeID(String(first)) {
                nodes[node] = location
            } else if first.contains(":") {
                addresses[String(first)] = location
            } else {
                throw Malformed(
                    line: index + 1, reason: "\"\(first)\" is neither a node id nor host:port")
            }
        }
    }

    package func location(of node: NodeID, host: String, port: UInt16) -> Location? {
        nodes[node] ?? addresses["\(host):\(port)"]
    }
}
