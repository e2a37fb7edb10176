import Glibc
import Reactor
import Wire

/// The file of one block while it is open for writing, as a state machine: completions and wishes
/// go in, the next operation or what became of it comes out. It starts nothing itself.
///
/// ```
/// renaming ─▶ opening ─▶ open ─▶ trimming ─▶ closing ─▶ closed
///                └─▶ loading ─▶ ┘             a file that was not opened is closed at once
///
/// while it is open:  free ─▶ describing ─▶ free                            (opening, seal)
///                            describing ─▶ syncing ─▶ syncingName ─▶ free  (flush)
///                    free ─────────────▶ syncing ─▶ syncingName ─▶ free    (a durable seal)
/// ```
/// Payload goes to an open file whatever else it does. Of the rest it does one thing at a time.
/// What a file says of itself is written under a rising sequence, table before header, into the
/// header copy that is not the newest (`BlockLayout`).
struct BlockFile: BitwiseCopyable {
    enum State: UInt8 {
        /// A spare file becomes the block's.
        case renaming
        case opening
        /// A sealed block's own account is being read, so that duplicates can be compared.
        case loading
        case open
        /// Room behind a sealed block is given back.
        case trimming
        case closing
        case closed
    }

    enum Work: UInt8 {
        case free
        /// A header, and its table, are written once there is a metadata buffer.
        case describing
        case syncing
        /// The directory is synced, with the file's name.
        case syncingName
    }

    /// What the file says of itself last, or is being made to say.
    enum Account: UInt8 {
        /// Whose bytes will follow.
        case opening
        /// A prefix that survives a power cut.
        case flush
        case seal
    }

    enum Action {
        // To be started.
        case rename(RecycledFiles.File)
        case open(isNew: Bool)
        case read
        case write
        case sync
        case syncName
        case punch(offset: UInt64, count: UInt64)
        case close(Descriptor)
        // What became of it.
        case opened
        case loadedHeaders
        case loadedTable
        case described
        case durable
        case closed
        /// The device is sound, but the block cannot be opened on it.
        case refused(Status)
        /// The device did not do it.
        case failed(Outcome)
        /// The file is not what it has to be.
        case tooShort
    }

    private(set) var state: State
    private(set) var work = Work.free
    private(set) var account: Account
    private(set) var descriptor = Descriptor.none
    /// The spare file that is to become the block's, until it does or is taken back.
    private(set) var spare: RecycledFiles.File?
    /// Pages the file had before this block, when it was a spare one.
    private var sparePages: UInt32 = 0
    /// Checksum tables of flushes were written behind the block (`BlockLayout.flushTableOffset`).
    private var hasTables = false
    private var isNew: Bool
    /// It says whose bytes it has: none of them counts as written before.
    private(set) var isDescribed = false
    private(set) var isNameDurable = false
    /// Of the newest header copy, written or being written.
    private(set) var sequence: UInt64 = 0

    /// The metadata buffer of what is read or written.
    private(set) var buffer: BufferIndex?
    /// How far header or table have come, on their way into that buffer or out of it.
    private(set) var transfer = PageTransfer(offset: 0, count: 0)
    private(set) var isTable = false
    /// Of the table that is being read.
    private(set) var tableChecksum: UInt32 = 0

    /// A new block's file: a spare one, or a fresh one.
    init(of spare: RecycledFiles.File?) {
        state = spare == nil ? .opening : .renaming
        account = .opening
        isNew = spare == nil
        self.spare = spare
    }

    /// The file that a sealed block has.
    static var sealed: BlockFile {
        var file = BlockFile(of: nil)
        file.account = .seal
        file.isNew = false
        return file
    }

    var isOpen: Bool {
        @inline(__always) get { state == .open }
    }
    /// A seal is described, or was begun to be.
    var isSealBegun: Bool {
        @inline(__always) get { account == .seal }
    }
    /// A seal is on the device, and no sync of it is under way: a durable seal is settled twice.
    var isSealSettled: Bool {
        @inline(__always) get { account == .seal && work == .free }
    }
    /// Another account may begin.
    var isFree: Bool {
        @inline(__always) get { state == .open && work == .free && isDescribed }
    }
    /// It waits for a metadata buffer.
    var wantsBuffer: Bool {
        @inline(__always) get {
            buffer == nil && (state == .loading || state == .open && work == .describing)
        }
    }

    /// Of the operation that moves header or table: each is a point of its own (`FaultList`).
    var kind: OperationKind {
        guard state != .loading else { return isTable ? .loadTable : .loadHeader }
        return switch account {
        case .opening: .writeOpenHeader
        case .flush: isTable ? .writeFlushTable : .writeFlushHeader
        case .seal: isTable ? .writeTable : .writeSealHeader
        }
    }

    /// What is to be started first.
    var first: Action {
        if let spare { return .rename(spare) }
        return .open(isNew: isNew)
    }

    // MARK: Opening

    /// The spare file has the block's name, or not.
    mutating func renamed(_ outcome: Outcome) -> Action {
        guard state == .renaming, let spare else { preconditionFailure("a spare is renamed once") }
        if case .again = outcome { return .rename(spare) }
        state = .opening
        switch outcome {
        case .done:
            self.spare = nil
            sparePages = spare.pages
            return .open(isNew: false)
        case .failed(ENOENT):
            self.spare = nil
            isNew = true
            return .open(isNew: true)
        // A file system that cannot rename without replacing.
        case .failed(EINVAL):
            isNew = true
            return .open(isNew: true)
        case .failed(EEXIST): return .refused(.mayBeLost)
        case .again, .full, .cancelled, .disconnected, .failed: return .failed(outcome)
        }
    }

    /// Takes back the spare file, when it did not become the block's and will not.
    mutating func takeUnusedSpare() -> RecycledFiles.File? {
        guard state != .renaming else { return nil }
        defer { spare = nil }
        return spare
    }

    mutating func opened(_ outcome: Outcome) -> Action {
        precondition(state == .opening && descriptor.isNone, "a file is opened once")
        switch outcome {
        case .done(let number):
            descriptor = .fixed(number)
            state = account == .seal ? .loading : .open
            if state == .open { begin(.opening) }
            return .opened
        case .again: return .open(isNew: isNew)
        // A name that is to be made needs only its directory.
        case .failed(ENOENT) where isNew: return .failed(outcome)
        case .failed(EEXIST), .failed(ENOENT): return .refused(.mayBeLost)
        case .failed(EMFILE), .failed(ENFILE): return .refused(.busy)
        case .full, .cancelled, .disconnected, .failed: return .failed(outcome)
        }
    }

    // MARK: Loading

    /// Reads both header copies into a metadata buffer.
    mutating func load(into buffer: BufferIndex) -> Action {
        precondition(state == .loading && self.buffer == nil, "what is read has one buffer")
        self.buffer = buffer
        transfer = .headers
        return .read
    }

    /// The header copy that counts is known. Its table is read next, when it has one.
    mutating func found(_ header: BlockHeader) -> Action? {
        precondition(state == .loading && !isTable, "a table follows its header")
        sequence = header.sequence
        guard header.tableCount > 0 else { return nil }
        isTable = true
        tableChecksum = header.tableChecksum
        transfer = .table(of: header)
        return .read
    }

    /// All that a sealed block's file says of itself is known.
    mutating func loaded() {
        precondition(state == .loading && buffer == nil, "a sealed block's file is read once")
        state = .open
        isTable = false
        isDescribed = true
    }

    // MARK: Describing

    /// A prefix is to be described, and made durable.
    mutating func beginFlush() {
        precondition(isFree && !isSealBegun, "a flush waits for what is under way")
        begin(.flush)
    }

    mutating func beginSeal() {
        precondition(isFree && !isSealBegun, "a block is sealed once")
        begin(.seal)
    }

    private mutating func begin(_ account: Account) {
        self.account = account
        work = .describing
        sequence += 1
    }

    /// The buffer is filled; `chunks` checksums are in a table behind the header.
    mutating func write(
        from buffer: BufferIndex, chunks: Int, length: UInt64, maxLength: UInt64
    ) -> Action {
        precondition(work == .describing && self.buffer == nil, "what is written has one buffer")
        self.buffer = buffer
        isTable = chunks > 0
        guard isTable else {
            transfer = .header(sequence: sequence)
            return .write
        }
        if account == .seal {
            transfer = .table(length: length)
        } else {
            hasTables = true
            transfer = .flushTable(maxLength: maxLength, sequence: sequence, chunks: chunks)
        }
        return .write
    }

    /// Pages of header or table have moved, or not.
    mutating func moved(_ outcome: Outcome) -> Action {
        precondition(buffer != nil, "pages move between the file and a buffer")
        let isLoading = state == .loading
        switch transfer.take(outcome) {
        case .more: return isLoading ? .read : .write
        case .short: return isLoading ? .tooShort : .failed(.failed(EIO))
        case .failed: return .failed(outcome)
        case .whole:
            if isLoading { return isTable ? .loadedTable : .loadedHeaders }
            guard !isTable else {
                isTable = false
                transfer = .header(sequence: sequence)
                return .write
            }
            isDescribed = true
            work = .free
            return .described
        }
    }

    /// Gives the metadata buffer back.
    mutating func takeBuffer() -> BufferIndex? {
        defer { buffer = nil }
        return buffer
    }

    // MARK: Syncing

    /// What was described is to survive a power cut.
    mutating func sync() -> Action {
        precondition(isFree && buffer == nil, "what is synced is on the device")
        work = .syncing
        return .sync
    }

    /// The file's sync ended well, or the directory's.
    mutating func synced() -> Action {
        switch work {
        case .syncing where !isNameDurable:
            work = .syncingName
            return .syncName
        case .syncing, .syncingName:
            isNameDurable = true
            work = .free
            return .durable
        case .free, .describing: preconditionFailure("a sync that ends was begun")
        }
    }

    // MARK: Ending

    /// Nothing of the file is in the kernel's hands, and nobody wants it any more.
    /// - Parameter pages: what a sealed block needs; behind them room is given back, of a longer
    ///   spare file and of what flushes wrote. `nil`: it stays as it is.
    mutating func end(keeping pages: UInt32?, maxLength: UInt64) -> Action {
        guard !descriptor.isNone else {
            state = .closed
            return .closed
        }
        if let pages, let hole = hole(behind: pages, maxLength: maxLength) { return hole }
        state = .closing
        defer { descriptor = .none }
        return .close(descriptor)
    }

    private mutating func hole(behind pages: UInt32, maxLength: UInt64) -> Action? {
        var end = sparePages
        if hasTables { end = max(end, BlockLayout.flushedFilePages(maxLength: maxLength)) }
        guard end > pages else { return nil }
        state = .trimming
        sparePages = 0
        hasTables = false
        let pageBytes = UInt64(BlockLayout.headerBytes)
        return .punch(offset: UInt64(pages) * pageBytes, count: UInt64(end - pages) * pageBytes)
    }

    // MARK: What holds

    func checkInvariants() {
        precondition(
            spare == nil || state == .renaming || state == .closed, "a spare is used or given back")
        precondition(
            descriptor.isNone || state != .renaming && state != .opening, "what is open is")
        let isOpening = state == .renaming || state == .opening || state == .loading
        precondition(work == .free || !isOpening, "a file is opened before it is described")
        precondition(
            buffer == nil || state == .loading || work == .describing, "a metadata buffer is in use"
        )
        precondition(isDescribed || account != .flush, "whose bytes follow is said first")
    }
}
