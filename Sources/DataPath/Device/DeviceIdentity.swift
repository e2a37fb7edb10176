import Wire

/// What a data directory says of itself, in the file `device`: whose it is, and which device.
///
/// ```
/// catena-device 1
/// cluster 0b9c...
/// node 5f2e...
/// device 77aa...
/// ```
/// A directory is bound to its cluster at the first registration; until then it has no `cluster`
/// line.
struct DeviceIdentity: Equatable, Sendable {
    static let format = "catena-device 1"

    var cluster: ClusterID?
    var node: NodeID
    var device: DeviceID

    var text: String {
        var lines = [Self.format]
        if let cluster { lines.append("cluster \(cluster)") }
        lines.append("node \(node)")
        lines.append("device \(device)")
        return lines.joined(separator: "\n") + "\n"
    }

    /// `nil` for anything but what `text` writes.
    init?(_ text: String) {
        let lines = text.split(separator: "\n").map(String.init)
        guard lines.first == Self.format else { return nil }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let words = line.split(separator: " ")
            guard words.count == 2, fields[String(words[0])] == nil else { return nil }
            fields[String(words[0])] = String(words[1])
        }
        guard let node = fields["node"].flatMap({ NodeID($0) }),
            let device = fields["device"].flatMap({ DeviceID($0) }),
            fields.keys.allSatisfy({ ["cluster", "node", "device"].contains($0) })
        else { return nil }
        self.node = node
        self.device = device
        if let written = fields["cluster"] {
            guard let cluster = ClusterID(written) else { return nil }
            self.cluster = cluster
        }
    }

    init(cluster: ClusterID?, node: NodeID, device: DeviceID) {
        self.cluster = cluster
        self.node = node
        self.device = device
    }
}
