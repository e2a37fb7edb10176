import Wire

/// The blocks of a reactor: what is known of each, on which device its file lies, and who writes
/// it. What becomes of a block is told to the namenode's agent here, and nowhere else.
struct Blocks: ~Copyable {
    private(set) var devices: [Device]
    private(set) var index: BlockIndex
    private let observer: any BlockObserver
    /// The write stream of each open block.
    private var streams: [BlockID: StreamIndex] = [:]

    /// Blocks whose file is being unlinked or recycled: nobody may begin to read them.
    private var dying: Set<BlockID> = []
    /// A token that is still good must not bring one of these back.
    private var deleted = DeletedNumbers()
    /// Blocks of failed devices that are yet to be told to be lost.
    private var losing: [BlockID] = []
    /// Of each device: the other reactors know that it failed.
    private var isFailureTold: [Bool]
    /// A device has less room than its blocks are going to take: its spare files are to make way.
    private(set) var wantsRoom = false
    /// Spare files that nobody needs: one at most for each write stream that opens.
    private var surplus: [(device: Int, file: RecycledFiles.File)] = []

    init(_ devices: [Device], _ index: BlockIndex, _ observer: any BlockObserver) {
        self.devices = devices
        self.index = index
        self.observer = observer
        isFailureTold = Array(repeating: false, count: devices.count)
    }

    // MARK: Records

    subscript(block: BlockID) -> BlockRecord? { index[block] }

    /// Sets a block's record and tells the namenode's agent.
    mutating func record(_ block: BlockID, _ record: BlockRecord) {
        if record.state == .gone { index.remove(block) } else { index.set(block, record) }
        observer.blockChanged(block, record)
    }

    /// Names every block again, for the report of this number.
    func nameAll(_ report: UInt64) {
        for (block, record) in index.records { observer.blockChanged(block, record) }
        observer.reportCompleted(report)
    }

    /// `false`: it is not served anyhow.
    mutating func condemn(_ block: BlockID, _ finding: ScrubFinding) -> Bool {
        guard var record = index[block], record.state == .sealed, !isDying(block) else {
            return false
        }
        record.state = .corrupt
        devices[record.device].corruptBlocks &+= 1
        self.record(block, record)
        observer.found(block, record, finding.description)
        return true
    }

    // MARK: Who writes

    func stream(of block: BlockID) -> StreamIndex? { streams[block] }

    mutating func open(_ block: BlockID, for stream: StreamIndex) {
        precondition(streams[block] == nil, "a block is open once")
        streams[block] = stream
    }

    mutating func close(_ block: BlockID) { streams[block] = nil }

    // MARK: Deleting

    func isDying(_ block: BlockID) -> Bool { dying.contains(block) }

    /// The namenode repeats a command that found no room.
    var hasRoomForDeletion: Bool { dying.count < Budget.deletions }

    /// Its file is on the way out.
    mutating func beginDeletion(of block: BlockID) {
        precondition(streams[block] == nil, "what is being deleted is not written")
        dying.insert(block)
    }

    /// Its file is gone.
    /// - Parameter isRemembered: its number is not to be taken again.
    mutating func finishDeletion(of block: BlockID, _ record: BlockRecord, isRemembered: Bool) {
        dying.remove(block)
        if isRemembered { deleted.insert(block, record.epoch) }
        if record.state == .sealed || record.state == .corrupt {
            free(record.length, on: record.device)
        }
        devices[record.device].isFull = false
        var record = record
        record.state = .gone
        self.record(block, record)
    }

    /// Whether the block was deleted at this epoch or a later one.
    func remembersDeleted(_ block: BlockID, _ epoch: Epoch) -> Bool {
        deleted.contains(block, epoch)
    }

    // MARK: Room

    /// The device in service with the fewest bytes of blocks, of those with room for this one.
    func chooseDevice(_ bytes: UInt64) -> Int? {
        let open = devices.indices.filter { !devices[$0].isFailed && !devices[$0].isFull }
        let roomy = open.filter {
            devices[$0].room.holds(bytes, spareBytes: devices[$0].recycled.bytes)
        }
        return (roomy.isEmpty ? open : roomy)
            .min { devices[$0].usedBytes < devices[$1].usedBytes }
    }

    /// Counts bytes of a block on its device, for the choice of the next one's.
    mutating func use(_ bytes: UInt64, on device: Int) { devices[device].usedBytes += bytes }

    mutating func free(_ bytes: UInt64, on device: Int) {
        devices[device].usedBytes -= min(devices[device].usedBytes, bytes)
    }

    /// A new block's file is a fresh one: what it takes is to be there.
    mutating func claim(_ bytes: UInt64, on device: Int) {
        devices[device].room.claim(bytes)
        if devices[device].room.isShort { wantsRoom = true }
    }

    /// The device took no more: what spare files hold is worth more as room.
    mutating func filled(_ device: Int) {
        devices[device].isFull = true
        wantsRoom = true
    }

    mutating func gainedRoom(on device: Int) { devices[device].isFull = false }

    /// The agent looked at the file system.
    /// - Parameter open: bytes that this reactor's open blocks may still take.
    mutating func saw(_ room: DeviceRoom, on device: Int, reactors: Int, open: UInt64) {
        devices[device].isFull = !room.isThere
        devices[device].room.saw(room, reactors: reactors, open: open)
        if devices[device].room.isShort { wantsRoom = true }
    }

    /// A spare file that is to make way, the largest first; `nil`: there is none, or no need.
    mutating func takeSpareForRoom(of device: Int) -> RecycledFiles.File? {
        if let place = surplus.firstIndex(where: { $0.device == device }) {
            return surplus.remove(at: place).file
        }
        guard devices[device].isFull || devices[device].room.isShort,
            let spare = devices[device].recycled.takeLargest()
        else { return nil }
        devices[device].room.gained(spare.bytes)
        return spare
    }

    /// What could make way does.
    mutating func madeRoom() { wantsRoom = !surplus.isEmpty }

    /// A spare file that fits a block of `pages`.
    mutating func takeSpare(pages: UInt32, of device: Int) -> RecycledFiles.File? {
        devices[device].recycled.take(pages: pages)
    }

    /// A spare file that was taken, and not used, is there again; or it makes way, when others have
    /// its place now.
    mutating func returnSpare(_ spare: RecycledFiles.File, to device: Int) {
        if !devices[device].recycled.add(spare) { dropSpare(spare, of: device) }
    }

    /// A spare file that was taken is to be unlinked.
    mutating func dropSpare(_ spare: RecycledFiles.File, of device: Int) {
        surplus.append((device, spare))
        wantsRoom = true
    }

    /// `false`: there is no room for one more.
    mutating func addSpare(_ spare: RecycledFiles.File, to device: Int) -> Bool {
        devices[device].recycled.add(spare)
    }

    // MARK: Devices that fail

    // A device that failed a write or a sync is out of service for as long as the process runs:
    // what the kernel keeps of it is not to be trusted any more (Rebello and others, "Can
    // applications recover from fsync failures?", USENIX ATC 2020). Its blocks count as lost here,
    // and the node goes on with its other devices.

    /// Takes a device out of service: nothing more is written there or acked from it. `false`: it
    /// is already.
    mutating func fail(_ device: Int, reason: String) -> Bool {
        guard !devices[device].isFailed else { return false }
        devices[device].isFailed = true
        observer.deviceFailed(device, reason)
        for (block, record) in index.records where record.device == device { losing.append(block) }
        return true
    }

    /// Blocks that are told to be lost in one turn: a device may have many.
    private static let lossesPerTurn = 1024

    var hasLosses: Bool {
        @inline(__always) get { !losing.isEmpty }
    }

    mutating func tellLosses() {
        for _ in 0..<min(losing.count, Self.lossesPerTurn) {
            let block = losing.removeLast()
            guard let record = index[block], devices[record.device].isFailed,
                record.state != .lost
            else { continue }
            lose(block)
        }
    }

    /// The namenode hears that the block is lost, so that it does not go on asking for it.
    mutating func lose(_ block: BlockID) {
        guard var record = index[block] else { return }
        record.state = .lost
        self.record(block, record)
    }

    /// The other reactors are to be told of this device's failure.
    func owesFailure(of device: Int) -> Bool { devices[device].isFailed && !isFailureTold[device] }

    mutating func toldFailure(of device: Int) { isFailureTold[device] = true }

    // MARK: What holds

    func checkInvariants() {
        precondition(isFailureTold.count == devices.count, "each device's failure is told")
        for block in dying {
            precondition(index[block] != nil, "what is being deleted is known")
            precondition(streams[block] == nil, "what is being deleted is not written")
        }
        for (block, _) in streams { precondition(index[block] != nil, "what is written is known") }
    }
}
