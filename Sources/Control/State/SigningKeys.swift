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

    /// What a store keeps of them.
    package struct Saved: Sendable, Equatable {
        package var previous: SigningKey?
        package var current: SigningKey
        package var next: SigningKey
        /// Oldest first.
        package var retired: [SigningKey]
        /// When `current` began to sign.
        package var rotated: Int64
        /// The times are on the clock that runs now. After a restart of the host they are not.
        package var isOnThisClock = true

        package init(
            previous: SigningKey?, current: SigningKey, next: SigningKey, retired: [SigningKey],
            rotated: Int64
        ) {
            self.previous = previous
            self.current = current
            self.next = next
            self.retired = retired
            self.rotated = rotated
        }
    }

    package var saved: Saved {
        Saved(
            previous: previous, current: current, next: next, retired: retired, rotated: rotated)
    }

    /// Goes on with what an earlier process saved. Keys whose age nobody knows any more check
    /// receipts and nothing else: new ones sign, and tokens of before are revoked.
    package mutating func resume(
        _ saved: Saved, now: Int64, using generator: inout some RandomNumberGenerator
    ) {
        retired = saved.retired
        counter = saved.next.id.counter
        if saved.isOnThisClock, saved.rotated <= now {
            previous = saved.previous
            current = saved.current
            next = saved.next
            rotated = saved.rotated
            return
        }
        retired += [saved.previous, saved.current, saved.next].compactMap(\.self)
        trimRetired()
        previous = nil
        current = Self.make(counter: counter + 1, now: now, using: &generator)
        next = Self.make(counter: counter + 2, now: now, using: &generator)
        counter += 2
        rotated = now
    }

    private mutating func trimRetired() {
        if retired.count > retiredMost { retired.removeFirst(retired.count - retiredMost) }
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
            trimRetired()
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
