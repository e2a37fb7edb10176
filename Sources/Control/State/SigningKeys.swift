import Wire

/// The namenode's token-signing keys: {previous, current, next}, and retired ones for receipts.
///
/// A key is made one rotation before it signs, so that every datanode has it in time; it signs for
/// one rotation and is honoured for one more. Then it is dropped, which revokes its tokens.
/// Receipts of a long write outlive that: retired keys still check them here, and are sent to
/// nobody.
package struct SigningKeys: Sendable {
    package private(set) var previous: SigningKey?
    package private(set) var current: SigningKey
    package private(set) var next: SigningKey
    private var retired: [SigningKey] = []
    private var rotated: Int64
    private var counter: UInt32
    private let rotationMs: Int64
    private let retiredMost: Int

    package init(
        now: Int64, rotationMs: Int64, retiredMost: Int,
        using generator: inout some RandomNumberGenerator
    ) {
        current = Self.make(counter: 1, now: now, using: &generator)
        next = Self.make(counter: 2, now: now, using: &generator)
        counter = 2
        rotated = now
        self.rotationMs = rotationMs
        self.retiredMost = retiredMost
    }

    package var ring: KeyRing {
        KeyRing([previous, current, next].compactMap(\.self), current: current.id)
    }

    /// The key a receipt names, also when it no longer signs or checks tokens.
    package func receiptKey(_ id: KeyID) -> SigningKey? {
        ring[id] ?? retired.last { $0.id == id }
    }

    /// Makes `next` the current key when its time has come; answers whether it did.
    package mutating func rotate(
        now: Int64, using generator: inout some RandomNumberGenerator
    ) -> Bool {
        guard now - rotated >= rotationMs else { return false }
        if let previous {
            retired.append(previous)
            if retired.count > retiredMost { retired.removeFirst(retired.count - retiredMost) }
        }
        previous = current
        current = next
        counter += 1
        next = Self.make(counter: counter, now: now, using: &generator)
        rotated = now
        return true
    }

    private static func make(
        counter: UInt32, now: Int64, using generator: inout some RandomNumberGenerator
    ) -> SigningKey {
        let random = UInt32(truncatingIfNeeded: generator.next())
        let secret = (0..<SigningKey.secretBytes).map { _ in
            UInt8(truncatingIfNeeded: generator.next())
        }
        let id = KeyID(counter: counter, random: random)
        guard let key = SigningKey(id: id, secret: secret, made: now) else {
            preconditionFailure("a secret has 32 bytes")
        }
        return key
    }
}
