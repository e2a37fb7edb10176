import System
import Wire

/// What an object is called: as a key of a namespace, or as the blocks of a cluster without one.
package struct ObjectNames: Sendable {
    package let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    package func key(_ object: UInt64) -> String { "catena-load/\(seed)/\(object)" }

    /// Keys that `meta` creates, and the small ones it opens.
    package func metaKey(_ object: UInt64) -> String { "catena-load/\(seed)/meta/\(object)" }
    package func openKey(_ object: UInt64) -> String { "catena-load/\(seed)/open/\(object)" }

    /// A block of a cluster without a namenode: found again from seed, object and its place.
    package func block(_ object: UInt64, place: UInt64) -> BlockID {
        var random = Seeded(seed)
        random = Seeded(random.next() ^ object)
        random = Seeded(random.next() ^ place)
        // 0 is nobody's.
        return BlockID(random.next() | 1)
    }
}
