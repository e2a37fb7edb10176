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
package struct DeviceIdentity: Equatable, Sendable {
    static let name = "device"
    static let format = "catena-device 1"
    static let mostBytes = 1024

    var cluster: ClusterID?
    package var node: NodeID
    package var device: DeviceID
    package var generation: UInt64 = 0
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

    package init(cluster: ClusterID?, node: NodeID, device: DeviceID) {
        self.cluster = cluster
        self.node = node
        self.device = device
    }
}

extension DeviceIdentity {
    /// What a directory says of itself; a new one is told, durably.
    /// - Parameters:
    ///   - node: the node's id when another directory of it named it.
    ///   - origin: which folder this is now.
    package static func find(
        in records: some Folder, node: NodeID?, origin: String?
    ) throws(StartFailure) -> DeviceIdentity {
        let kept: String?
        do throws(FileFailure) { kept = try records.text(of: name, most: mostBytes) } catch {
            throw DataDirectory.refused("cannot read", "\(records.path)/\(name)", error)
        }
        guard let kept else {
            var fresh = DeviceIdentity(cluster: nil, node: node ?? .random(), device: .random())
            fresh.origin = origin
            try fresh.write(to: records)
            return fresh
        }
        guard let found = DeviceIdentity(kept) else {
            throw StartFailure(
                .configuration,
                "\(records.path)/\(name) is not a device file of this format: "
                    + "restore it from a backup, or use another directory")
        }
        if let node, found.node != node {
            throw StartFailure(
                .configuration,
                "\(records.path) belongs to node \(found.node), and another directory here "
                    + "to node \(node): "
                    + "give each node its own directories")
        }
        return found
    }

    /// A full device takes a text of the same length in the old one's place.
    package func write(to records: some Folder) throws(StartFailure) {
        do throws(FileFailure) { try records.replace(Self.name, with: text) } catch {
            guard let code = error.code, DataDirectory.isFull(code), overwrites(in: records) else {
                throw DataDirectory.refused("cannot write in", records.path, error)
            }
        }
    }

    /// `false`: there is no room that way either.
    private func overwrites(in records: some Folder) -> Bool {
        guard hasPlace(in: records) else { return false }
        do throws(FileFailure) {
            try records.overwrite(Self.name, with: text, for: .writing, syncs: true)
            return true
        } catch {
            return false
        }
    }

    private func hasPlace(in records: some Folder) -> Bool {
        do throws(FileFailure) {
            return try records.facts(of: Self.name).length == UInt64(text.utf8.count)
                && text.utf8.count <= 512
        } catch {
            return false
        }
    }
}
