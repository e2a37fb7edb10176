/// Deadlines for a fixed number of owners, one each: arming, moving and clearing one costs the same
/// few instructions whatever their number (Varghese and Lauck, "Hashed and hierarchical timing
/// wheels", SOSP 1987).
///
/// Time is cut into ticks of 2^24 ns (about 17 ms); a deadline fires at the first turn after its
/// tick has passed, so never early and about a tick late, which suits deadlines of seconds.
public struct TimerWheel: ~Copyable {
    static let tickShift: UInt64 = 24
    static let spokes = 512

    private struct Entry {
        var deadline: UInt64
        var previous: Int32
        var next: Int32
        var spoke: Int32
    }

    public let capacity: Int
    private let entries: UnsafeMutablePointer<Entry>
    private let heads: UnsafeMutablePointer<Int32>
    private var armed = 0
    private var lastTick: UInt64
    private var nextTick: UInt64 = .max

    public init(capacity: Int, now: UInt64) {
        self.capacity = capacity
        entries = .allocate(capacity: capacity)
        entries.initialize(
            repeating: Entry(deadline: .max, previous: -1, next: -1, spoke: -1), count: capacity)
        heads = .allocate(capacity: Self.spokes)
        heads.initialize(repeating: -1, count: Self.spokes)
        lastTick = now >> Self.tickShift
    }

    deinit {
        entries.deallocate()
        heads.deallocate()
    }

    /// Sets `owner`'s deadline. Pushing a deadline back leaves it where it hangs; it moves when it
    /// comes up, so a deadline renewed with every frame costs one store.
    public mutating func arm(_ owner: UInt32, at deadline: UInt64) {
        let index = Int(owner)
        precondition(index < capacity, "a timer's owner is below the wheel's capacity")
        if entries[index].spoke >= 0 {
            if deadline >= entries[index].deadline {
                entries[index].deadline = deadline
                return
            }
            unlink(index)
        }
        entries[index].deadline = deadline
        link(index)
    }

    public mutating func clear(_ owner: UInt32) {
        if entries[Int(owner)].spoke >= 0 { unlink(Int(owner)) }
        entries[Int(owner)].deadline = .max
    }

    /// The time at which `expire` should next be called, or `nil` when nothing is armed.
    public var nextDeadline: UInt64? {
        armed == 0 ? nil : (max(nextTick, lastTick &+ 1) &+ 1) << Self.tickShift
    }

    /// Takes one owner whose deadline has passed, or `nil`. Call until `nil`.
    public mutating func expire(now: UInt64) -> UInt32? {
        let tick = now >> Self.tickShift
        guard armed > 0 else {
            lastTick = max(lastTick, tick)
            return nil
        }
        let span = min(tick &- lastTick, UInt64(Self.spokes))
        guard tick > lastTick, span > 0 else { return nil }
        for step in 1...span {
            let spoke = Int((lastTick &+ step) % UInt64(Self.spokes))
            var index = heads[spoke]
            while index >= 0 {
                let next = entries[Int(index)].next
                let due = entries[Int(index)].deadline
                if due <= now {
                    unlink(Int(index))
                    entries[Int(index)].deadline = .max
                    return UInt32(index)
                }
                if spokeOf(due) != spoke {
                    unlink(Int(index))
                    link(Int(index))
                }
                index = next
            }
        }
        lastTick = tick
        findNextTick()
        return nil
    }

    /// The tick of the nearest occupied spoke ahead.
    private mutating func findNextTick() {
        nextTick = .max
        guard armed > 0 else { return }
        for step in 1...UInt64(Self.spokes)
        where heads[Int((lastTick &+ step) % UInt64(Self.spokes))] >= 0 {
            nextTick = lastTick &+ step
            return
        }
    }

    private func spokeOf(_ deadline: UInt64) -> Int {
        Int(max((deadline >> Self.tickShift) &+ 1, lastTick &+ 1) % UInt64(Self.spokes))
    }

    private mutating func link(_ index: Int) {
        let tick = max((entries[index].deadline >> Self.tickShift) &+ 1, lastTick &+ 1)
        let spoke = Int(tick % UInt64(Self.spokes))
        entries[index].spoke = Int32(spoke)
        entries[index].previous = -1
        entries[index].next = heads[spoke]
        if heads[spoke] >= 0 { entries[Int(heads[spoke])].previous = Int32(index) }
        heads[spoke] = Int32(index)
        armed += 1
        // A deadline beyond one turn of the wheel comes up early in its spoke and is hung again.
        let near = lastTick &+ 1 &+ (tick &- lastTick &- 1) % UInt64(Self.spokes)
        nextTick = min(nextTick, near)
    }

    private mutating func unlink(_ index: Int) {
        let entry = entries[index]
        if entry.previous >= 0 {
            entries[Int(entry.previous)].next = entry.next
        } else {
            heads[Int(entry.spoke)] = entry.next
        }
        if entry.next >= 0 { entries[Int(entry.next)].previous = entry.previous }
        entries[index].spoke = -1
        armed -= 1
    }
}
