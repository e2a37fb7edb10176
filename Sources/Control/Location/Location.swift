import Wire

/// Where a device stands: `/az/pod/rack/node/device`.
///
/// Shorter paths name a bigger place: a client may say `/az1/pod3`. Missing levels match nothing.
package struct Location: Hashable, Sendable, LosslessStringConvertible {
    /// The names of the levels, biggest first.
    package static let levels = ["az", "pod", "rack", "node", "device"]
    package static let most = levels.count
    /// Bytes of one level's name.
    package static let nameBytes = 1...64

    /// One to five names.
    package let names: [String]

    /// `nil` when there are no names or too many, or one is empty, too long or holds `/`, a space
    /// or a control character.
    package init?(names: [String]) {
        guard (1...Self.most).contains(names.count), names.allSatisfy(Self.isName) else {
            return nil
        }
        self.names = names
    }

    /// Reads `/az/pod/rack/node/device` or a prefix of it.
    package init?(_ description: String) {
        guard description.hasPrefix("/") else { return nil }
        let parts = description.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        self.init(names: parts.map(String.init))
    }

    package var description: String { "/" + names.joined(separator: "/") }

    /// Where a node stands when nobody says so.
    package static func standard(for node: NodeID) -> Location {
        guard let place = Location(names: ["default", "default", "default", node.description])
        else {
            preconditionFailure("a node id is a name")
        }
        return place
    }

    /// The node's part: the first four levels.
    package var node: Location {
        Location(names: Array(names.prefix(Self.most - 1))) ?? self
    }

    /// A device of the node that stands here.
    package func device(_ name: String) -> Location? { Location(names: node.names + [name]) }

    /// Levels up to the smallest place both are in: 0 the same device, 1 the same node, 2 the same
    /// rack, 3 the same pod, 4 the same az, 5 different ones.
    package func distance(to other: Location) -> Int {
        let shared = zip(names, other.names).prefix { $0 == $1 }.count
        return Self.most - shared
    }

    private static func isName(_ name: String) -> Bool {
        nameBytes.contains(name.utf8.count)
            && name.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
    }
}
