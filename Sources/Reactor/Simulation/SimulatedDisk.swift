/// One data directory of a simulated node, with its own capacity. It outlives the node's rings.
///
/// Names are made durable by a sync of a directory, in the order in which they changed; a file's
/// sync alone does not make its name durable, as POSIX leaves open.
public final class SimulatedDisk {
    private enum Change {
        case link(String, SimulatedFile)
        case unlink(String)
        case rename(String, String)

        func apply(to names: inout [String: SimulatedFile]) {
            switch self {
            case .link(let path, let file): names[path] = file
            case .unlink(let path): names[path] = nil
            case .rename(let from, let target): names[target] = names.removeValue(forKey: from)
            }
        }
    }

    public let name: String
    /// Bytes, counted in pages of 4096.
    public var capacity: Int
    /// Bytes taken by files and by what was allocated for them.
    public private(set) var used = 0
    /// Faults of this disk alone, instead of the node's or the world's.
    public var faults: SimulationFaults?
    /// Everything that would change the disk fails with EROFS.
    public var isReadOnly = false
    /// What this disk pretends, so that a checker can be shown to find it out.
    public var lies = DiskLies()
    /// Writes that landed elsewhere than they were sent.
    public private(set) var misdirected = 0
    /// Counts the ends of its node's processes: an early-answered write does not outlive one.
    private(set) var lives = 0

    private var directories: Set<String> = [""]
    private var names: [String: SimulatedFile] = [:]
    private var durableNames: [String: SimulatedFile] = [:]
    private var journal: [Change] = []
    /// Changes that are durable and no longer in the journal.
    private var journalStart: UInt64 = 0

    init(name: String, capacity: Int) {
        self.name = name
        self.capacity = capacity
    }

    /// Every file's path below this disk, in order.
    public var files: [String] { names.keys.sorted() }

    /// A file's bytes as a reader would see them now, or `nil` when there is none.
    public func bytes(of path: String) -> [UInt8]? { names[path]?.bytes }

    /// Whether a power cut could take back any byte of a file, or its name.
    public func isDurable(_ path: String) -> Bool {
        guard let file = names[path] else { return false }
        return file.isDurable && durableNames[path] === file
    }

    /// Whether a power cut could take back any of a file's first `count` bytes, or its name.
    public func isDurable(_ path: String, first count: Int) -> Bool {
        guard let file = names[path] else { return false }
        return durableNames[path] === file && file.isDurable(first: count)
    }

    /// A file's length, or `nil` when there is none.
    public func size(of path: String) -> Int? { names[path]?.size }

    /// Bytes of the pages a file has.
    public func allocatedBytes(of path: String) -> Int {
        (names[path]?.allocatedPages ?? 0) * SimulatedFile.pageBytes
    }

    /// A part of a file as a reader would see it now; shorter where the file ends.
    public func bytes(of path: String, from offset: Int, count: Int) -> [UInt8] {
        guard let file = names[path], count > 0 else { return [] }
        var result = [UInt8](repeating: 0, count: count)
        let moved = result.withUnsafeMutableBytes { target in
            target.baseAddress.map { file.read(into: $0, count: count, offset: offset) } ?? 0
        }
        return moved == count ? result : Array(result.prefix(max(0, moved)))
    }

    /// Makes a directory below this disk; it is durable at once.
    public func makeDirectory(_ path: String) { directories.insert(path) }

    /// Puts a file there as it would lie after a sync: a fixture.
    public func put(_ bytes: [UInt8], at path: String) {
        let file = names[path] ?? create(path)
        file.truncate(on: self)
        bytes.withUnsafeBytes { source in
            guard let base = source.baseAddress else { return }
            let written = file.write(
                base, count: source.count, offset: 0, durably: true, on: self)
            precondition(written == source.count, "a fixture fits on its disk")
        }
        file.endSync(file.beginSync(), succeeded: true)
        endSync(changes)
    }

    /// Turns one bit of a file over, as a failing device may.
    public func flipBit(of path: String, at offset: Int) {
        guard let file = names[path], offset < file.size else {
            preconditionFailure("a bit of a file that is there")
        }
        var byte = file.bytes[offset] ^ 1
        let written = file.write(&byte, count: 1, offset: offset, durably: true, on: self)
        precondition(written == 1, "the byte has its page already")
    }

    func isDirectory(_ path: String) -> Bool { directories.contains(path) }

    /// Whether the directory that would hold `path` is there.
    func hasParent(_ path: String) -> Bool {
        guard let slash = path.lastIndex(of: "/") else { return true }
        return directories.contains(String(path[..<slash]))
    }

    func find(_ path: String) -> SimulatedFile? { names[path] }

    /// Where a write goes that misses its place: another page of the same file, or the same offset
    /// of another one.
    func misdirect(
        _ file: SimulatedFile, _ offset: Int, _ random: inout SimulationRandom
    ) -> (file: SimulatedFile, offset: Int) {
        misdirected += 1
        let paths = files
        if random.below(2) == 0, paths.count > 1, let other = names[random.pick(paths)] {
            return (other, offset)
        }
        return (file, offset + SimulatedFile.pageBytes * (1 + random.below(4)))
    }

    /// The process that used this disk is gone.
    func endLife() { lives += 1 }

    func create(_ path: String) -> SimulatedFile {
        let file = SimulatedFile()
        file.links = 1
        record(.link(path, file))
        return file
    }

    public func unlink(_ path: String) {
        guard let file = names[path] else { return }
        record(.unlink(path))
        file.links -= 1
        forget(file)
    }

    public func rename(_ from: String, to target: String) {
        guard from != target else { return }
        let replaced = names[target]
        record(.rename(from, target))
        if let replaced {
            replaced.links -= 1
            forget(replaced)
        }
    }

    private func record(_ change: Change) {
        journal.append(change)
        change.apply(to: &names)
    }

    /// How many changes of names there were; a sync of a directory covers those before it began.
    var changes: UInt64 { journalStart + UInt64(journal.count) }

    func endSync(_ covered: UInt64) {
        guard covered > journalStart else { return }
        let count = Int(covered - journalStart)
        for change in journal.prefix(count) { change.apply(to: &durableNames) }
        journal.removeFirst(count)
        journalStart = covered
    }

    func charge(pages: Int) -> Bool {
        guard used + pages * SimulatedFile.pageBytes <= capacity else { return false }
        used += pages * SimulatedFile.pageBytes
        return true
    }

    func giveBack(pages: Int) { used -= pages * SimulatedFile.pageBytes }

    /// Gives a file's room back once it has neither a name nor a descriptor.
    func forget(_ file: SimulatedFile) {
        guard file.links == 0, file.opens == 0 else { return }
        giveBack(pages: file.allocatedPages)
    }

    /// A power cut: a drawn number of the oldest name changes survive, and files lose or tear what
    /// was not synced.
    func crash(_ random: inout SimulationRandom) {
        endLife()
        for change in journal.prefix(random.below(journal.count + 1)) {
            change.apply(to: &durableNames)
        }
        journal = []
        names = durableNames
        used = 0
        for path in names.keys.sorted() {
            guard let file = names[path] else { continue }
            file.links = 1
            file.crash(&random, on: self)
            used += file.allocatedPages * SimulatedFile.pageBytes
        }
    }
}
