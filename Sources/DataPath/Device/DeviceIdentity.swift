import System
import Wire

/// What a data directory says of itself, in the file `device`: whose it is, and which device.
///
/// ```
/// catena-device 1
/// cluster 0b9c...
/// node 5f2e...
/// device 77aa...
/// generation 000000000000002a
/// origin 0000000000000c05.18a3f21c5b6d7e8f
/// ```
/// A directory is bound to its cluster at the first registration; until then it has no `cluster`
/// line. `generation` counts registrations: of two directories of one device, the one with the
/// greater has the newer state. `origin` says which folder this is on its file system, so that a
/// copy knows that it is one; older versions wrote neither.
struct DeviceIdentity: Equatable, Sendable {
    static let format = "catena-device 1"

    var cluster: ClusterID?
    var node: NodeID
    var device: DeviceID
    var generation: UInt64 = 0
    var origin: String?

    var text: String {
        var lines = [Self.format]
        if let cluster { lines.append("cluster \(cluster)") }
        lines.append("node \(node)")
        lines.append("device \(device)")
        // As long for every number: a full device takes the new text in the old one's place.
        lines.append("generation \(hexadecimal(generation, digits: 16))")
        if let origin { lines.append("origin \(origin)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let names: Set = ["cluster", "node", "device", "generation", "origin"]

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
            fields.keys.allSatisfy({ Self.names.contains($0) })
        else { return nil }
        self.node = node
        self.device = device
        origin = fields["origin"]
        if let written = fields["generation"] {
            guard let generation = UInt64(hexadecimal: written) else { return nil }
            self.generation = generation
        }
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
