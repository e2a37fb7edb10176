/// A file's bytes, and which of them would survive a power cut.
///
/// Pages hold what a reader sees. `unsynced` keeps what a page held before the first write since
/// the last sync, so that a crash can take the write back, or tear it. A sync takes effect when it
/// completes; what was written after it began is not covered.
final class SimulatedFile {
    static let pageBytes = 4096
    /// What a device writes whole or not at all.
    static let sectorBytes = 512
    static let zeroPage = [UInt8](repeating: 0, count: pageBytes)

    private struct Sync {
        var number: UInt64
        var size: Int
        var before: [Int: [UInt8]]
    }

    private(set) var size = 0
    private(set) var durableSize = 0
    /// Names of this file.
    var links = 0
    /// Open descriptions of it.
    var opens = 0
    private(set) var allocatedPages = 0
    private var allocated: [Bool] = []
    private var pages: [Int: [UInt8]] = [:]
    private var unsynced: [Int: [UInt8]] = [:]
    private var syncs: [Sync] = []
    private var syncNumber: UInt64 = 0
    /// Writes that a failed sync covered: no later sync makes them durable.
    private var lost: [Int: [UInt8]] = [:]

    /// Everything a reader would see.
    var bytes: [UInt8] {
        var result = [UInt8](repeating: 0, count: size)
        result.withUnsafeMutableBytes { target in
            guard let base = target.baseAddress else { return }
            let moved = read(into: base, count: size, offset: 0)
            precondition(moved == size, "a file has the bytes of its size")
        }
        return result
    }

    /// Whether a crash now could take anything back.
    var isDurable: Bool {
        unsynced.isEmpty && syncs.isEmpty && lost.isEmpty && size == durableSize
    }

    /// Whether a crash now could take any of the first `count` bytes back.
    func isDurable(first count: Int) -> Bool {
        let end = (count + Self.pageBytes - 1) / Self.pageBytes
        return min(count, size) <= durableSize && unsynced.keys.allSatisfy { $0 >= end }
            && lost.keys.allSatisfy { $0 >= end }
            && syncs.allSatisfy { $0.before.keys.allSatisfy { $0 >= end } }
    }

    /// - Returns: bytes moved, fewer than `count` at the end of the file.
    func read(into target: UnsafeMutableRawPointer, count: Int, offset: Int) -> Int {
        let end = min(offset + count, size)
        var at = offset
        while at < end {
            let within = at % Self.pageBytes
            let span = min(end - at, Self.pageBytes - within)
            (pages[at / Self.pageBytes] ?? Self.zeroPage).withUnsafeBytes { source in
                let piece = UnsafeRawBufferPointer(rebasing: source[within..<within + span])
                UnsafeMutableRawBufferPointer(start: target + (at - offset), count: span)
                    .copyMemory(from: piece)
            }
            at += span
        }
        return max(0, end - offset)
    }

    /// Writes until `disk` has no page left.
    /// - Returns: bytes written.
    func write(
        _ source: UnsafeRawPointer, count: Int, offset: Int, durably: Bool, on disk: SimulatedDisk
    ) -> Int {
        var at = offset
        while at < offset + count {
            let index = at / Self.pageBytes
            let within = at % Self.pageBytes
            let span = min(offset + count - at, Self.pageBytes - within)
            guard reserve(page: index, on: disk) else { break }
            if durably { unsynced[index] = nil } else { remember(index) }
            pages[index, default: Self.zeroPage].withUnsafeMutableBytes { target in
                UnsafeMutableRawBufferPointer(rebasing: target[within..<within + span])
                    .copyMemory(
                        from: UnsafeRawBufferPointer(start: source + (at - offset), count: span))
            }
            at += span
        }
        size = max(size, at)
        if durably { durableSize = max(durableSize, at) }
        return at - offset
    }

    private func remember(_ index: Int) {
        if unsynced[index] == nil { unsynced[index] = pages[index] ?? Self.zeroPage }
    }

    private func reserve(page index: Int, on disk: SimulatedDisk) -> Bool {
        if index < allocated.count, allocated[index] { return true }
        guard disk.charge(pages: 1) else { return false }
        while allocated.count <= index { allocated.append(false) }
        allocated[index] = true
        allocatedPages += 1
        return true
    }

    /// Reserves room for a range.
    /// - Returns: whether all of it fits.
    func reserve(offset: Int, count: Int, growing: Bool, on disk: SimulatedDisk) -> Bool {
        let last = (offset + count - 1) / Self.pageBytes
        for index in offset / Self.pageBytes...last {
            guard reserve(page: index, on: disk) else { return false }
        }
        if growing { size = max(size, offset + count) }
        return true
    }

    /// Makes the whole pages of a range zero and gives them back to the disk.
    func punch(offset: Int, count: Int, on disk: SimulatedDisk) {
        let first = (offset + Self.pageBytes - 1) / Self.pageBytes
        let end = min((offset + count) / Self.pageBytes, allocated.count)
        guard first < end else { return }
        for index in first..<end where allocated[index] {
            remember(index)
            pages[index] = nil
            allocated[index] = false
            allocatedPages -= 1
            disk.giveBack(pages: 1)
        }
    }

    func truncate(on disk: SimulatedDisk) {
        punch(offset: 0, count: allocated.count * Self.pageBytes, on: disk)
        size = 0
    }

    /// Begins a sync of everything written so far.
    /// - Returns: its number, for `endSync`.
    func beginSync() -> UInt64 {
        syncNumber += 1
        syncs.append(Sync(number: syncNumber, size: size, before: unsynced))
        unsynced = [:]
        return syncNumber
    }

    func endSync(_ number: UInt64, succeeded: Bool) {
        // An earlier sync may have ended later than this one began: then this one covered it.
        guard let position = syncs.firstIndex(where: { $0.number == number }) else { return }
        if succeeded {
            for sync in syncs[...position] {
                for page in sync.before.keys { lost[page] = nil }
            }
            durableSize = syncs[position].size
            syncs.removeFirst(position + 1)
        } else {
            let failed = syncs.remove(at: position)
            lost.merge(failed.before) { old, _ in old }
        }
    }

    /// A power cut: every sector not yet durable is the old one or the new one, by the draw.
    func crash(_ random: inout SimulationRandom, on disk: SimulatedDisk) {
        var before = unsynced
        for sync in syncs.reversed() { before.merge(sync.before) { _, older in older } }
        before.merge(lost) { _, older in older }
        for index in before.keys.sorted() {
            guard let old = before[index] else { continue }
            pages[index] = Self.torn(old, pages[index] ?? Self.zeroPage, &random)
        }
        if size != durableSize, random.chance(0.5) { size = durableSize }
        durableSize = size
        unsynced = [:]
        syncs = []
        lost = [:]
        clearBehindEnd()
    }

    private static func torn(
        _ old: [UInt8], _ new: [UInt8], _ random: inout SimulationRandom
    ) -> [UInt8] {
        switch random.below(4) {
        case 0: return new
        case 1: return old
        default:
            var mixed = new
            for start in stride(from: 0, to: pageBytes, by: sectorBytes) where random.chance(0.5) {
                let sector = start..<start + sectorBytes
                mixed.replaceSubrange(sector, with: old[sector])
            }
            return mixed
        }
    }

    /// Bytes behind the end are zero when the file grows again.
    private func clearBehindEnd() {
        let last = size / Self.pageBytes
        for index in pages.keys where index > last { pages[index] = nil }
        guard var page = pages[last] else { return }
        for offset in size % Self.pageBytes..<Self.pageBytes { page[offset] = 0 }
        pages[last] = page
    }
}
