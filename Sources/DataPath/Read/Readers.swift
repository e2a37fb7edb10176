import Reactor
import Wire

/// The reads that are open: their records, and who of them waits for others or lets others wait.
struct Readers: ~Copyable {
    private var table: Slab<ReadStream>
    /// Those whose socket has bytes to take, the one that has had them longest first.
    private var sending: AgeList<ReadStream>
    /// Those that hold no buffer and wait for one.
    private(set) var starved = 0
    /// Those that end, and wait for the kernel.
    private var ending = 0
    /// Their turns are watched.
    var isTurnArmed = false

    init(_ budget: Budget) {
        table = Slab(capacity: budget.readStreams)
        sending = AgeList(places: budget.readStreams)
    }

    // MARK: Records

    var places: RecordPlaces<ReadStream> { table.places }
    var count: Int { table.count }

    @inline(__always)
    func at(_ reader: ReaderIndex) -> UnsafeMutablePointer<ReadStream> { table.at(reader) }

    func isUsed(_ reader: ReaderIndex) -> Bool { table.isUsed(reader) }

    /// Whether somebody reads the block, or lets go of it.
    func isReading(_ block: BlockID) -> Bool {
        guard count > 0 else { return false }
        for reader in places where isUsed(reader) && at(reader).pointee.block == block {
            return true
        }
        return false
    }

    mutating func insert(_ stream: consuming ReadStream) -> ReaderIndex? { table.insert(stream) }

    /// It gives back what it holds, and is freed when the kernel has let go of it. `false`: it
    /// ends already.
    mutating func end(_ reader: ReaderIndex) -> Bool {
        guard !at(reader).pointee.isEnding else { return false }
        at(reader).pointee.isEnding = true
        ending += 1
        sending.remove(reader)
        endStarving(reader)
        return true
    }

    mutating func remove(_ reader: ReaderIndex) {
        precondition(at(reader).pointee.isEnding, "a read ends before it is freed")
        ending -= 1
        table.remove(reader)
    }

    // MARK: Turns

    /// It holds no buffer, and there is none.
    mutating func starve(_ reader: ReaderIndex) {
        guard !at(reader).pointee.isStarved else { return }
        at(reader).pointee.isStarved = true
        starved += 1
    }

    /// It has one, or ends.
    mutating func endStarving(_ reader: ReaderIndex) {
        guard at(reader).pointee.isStarved else { return }
        at(reader).pointee.isStarved = false
        starved -= 1
    }

    /// Its socket has bytes to take.
    mutating func beginSending(_ reader: ReaderIndex, now: UInt64) {
        at(reader).pointee.isSending = true
        at(reader).pointee.sendingSince = now
        sending.add(reader)
    }

    mutating func endSending(_ reader: ReaderIndex) {
        at(reader).pointee.isSending = false
        sending.remove(reader)
    }

    /// How long until those that wait are looked at; `nil`: neither buffers nor read streams run
    /// short.
    func turn(_ budget: Budget) -> UInt64? {
        guard starved > 0 || budget.readPatience(free: free) != nil else { return nil }
        return budget.readTurn(starved: starved)
    }

    /// Whether it is to be shown whether its socket takes anything: it holds buffers for a socket
    /// that did not take a whole frame for a turn while others have none, or for as long as a read
    /// may stall while read streams run short.
    func isOverdue(_ reader: ReaderIndex, _ budget: Budget, now: UInt64) -> Bool {
        let entry = at(reader)
        return entry.pointee.isSending && !entry.pointee.isEnding && !entry.pointee.isYielding
            && entry.pointee.count > 0 && entry.pointee.sendingSince &+ allowed(budget) <= now
    }

    private func allowed(_ budget: Budget) -> UInt64 {
        starved > 0 ? budget.readTurn(starved: starved) : budget.readPatience(free: free) ?? .max
    }

    /// The read whose socket took nothing for longest, when read streams run short and that is too
    /// long. Whoever has a frame under way may take bytes of it all the time; who does not take the
    /// few bytes of a piece (`cutFrame`) takes nothing.
    func stalled(_ budget: Budget, now: UInt64) -> ReaderIndex? {
        guard let patience = budget.readPatience(free: free), let reader = sending.oldest,
            at(reader).pointee.count == 0, !at(reader).pointee.isYielding,
            at(reader).pointee.sendingSince &+ patience <= now
        else { return nil }
        return reader
    }

    /// As its records say, so many starve and end.
    func checkInvariants() {
        var (starving, leaving) = (0, 0)
        for reader in places where isUsed(reader) {
            if at(reader).pointee.isStarved { starving += 1 }
            if at(reader).pointee.isEnding { leaving += 1 }
        }
        precondition(starving == starved, "who starves is counted")
        precondition(leaving == ending, "who ends is counted")
        precondition(sending.count <= count - ending, "who ends sends no more")
    }

    private var free: Int { table.capacity - table.count + ending }
}
