import Reactor
import System
import Transport
import Wire

/// The blocks that an engine writes: fill (1) -> sum (2) -> send (3) -> ack (4) -> seal (5). And
/// how a write begins, moves on and ends.
struct BlockWriters<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var table: Slab<BlockWriter>

    init(_ settings: EngineSettings) { table = Slab(capacity: settings.writes) }

    // MARK: Records

    var count: Int {
        @inline(__always) get { table.count }
    }

    @inline(__always)
    func at(_ write: WriteIndex) -> UnsafeMutablePointer<BlockWriter> { table.at(write) }

    @inline(__always)
    func isUsed(_ write: WriteIndex) -> Bool { table.isUsed(write) }

    // MARK: Beginning

    /// - Returns: `nil` at the bound of writes or connections.
    mutating func begin(_ request: WriteRequest, _ core: inout StreamCore<Ring>) -> WriteID? {
        precondition(request.maxBytes > 0 && request.bound > 0, "a block has bytes")
        let writer = BlockWriter(request, windowFrames: core.settings.windowFrames)
        guard let write = table.insert(writer) else { return nil }
        guard let connection = core.connection(to: request.address, for: .write(write)) else {
            table.remove(write)
            return nil
        }
        at(write).pointee.connection = connection
        takePeeked(write, &core)
        goOn(write, &core)
        return WriteID(index: write)
    }

    /// Goes on with a stopped write on a new stream. `false`: no connection is left.
    mutating func resume(_ write: WriteIndex, _ core: inout StreamCore<Ring>) -> Bool {
        let entry = at(write)
        precondition(entry.pointee.isStopped, "only a stopped write is resumed")
        guard
            let connection = core.connection(
                to: entry.pointee.request.address, for: .write(write))
        else { return false }
        entry.pointee.resume()
        entry.pointee.connection = connection
        goOn(write, &core)
        return true
    }

    private mutating func goOn(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        feed(write, &core)
        watch(write, &core)
        pump(write, &core)
    }

    @inline(__always)
    func isInMemory(_ write: WriteIndex) -> Bool { at(write).pointee.window.canStartOver }

    mutating func move(
        _ write: WriteIndex, to block: BlockID, _ epoch: Epoch, _ opening: StreamOpening,
        at address: SocketAddress, _ core: inout StreamCore<Ring>
    ) -> Bool {
        at(write).pointee.move(to: block, epoch, opening, at: address)
        core.buffers.readdress(write, to: block, epoch)
        return resume(write, &core)
    }

    // MARK: What the chain owes

    /// The deadline begins when the chain starts to owe something.
    mutating func watch(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        guard !at(write).pointee.isWatched else { return }
        rewatch(write, &core)
    }

    /// It moved: the deadline begins again while the chain owes more, and rests when it owes
    /// nothing.
    mutating func rewatch(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        let span = at(write).pointee.deadline(core.settings)
        at(write).pointee.isWatched = span != nil
        if let span { core.arm(.write(write), within: span) } else { core.rest(.write(write)) }
    }

    /// Nothing came before the deadline.
    mutating func expired(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        guard isUsed(write), let connection = at(write).pointee.connection else { return }
        fail(write, core.silence(on: connection), &core)
    }

    // MARK: Stopping

    /// The stream fails, and its connection with it.
    mutating func fail(
        _ write: WriteIndex, _ failure: StreamFailure, _ core: inout StreamCore<Ring>
    ) {
        if let connection = at(write).pointee.connection { core.close(connection) }
        stopped(write, failure, &core)
    }

    /// The connection is gone; the window keeps what is unacked.
    mutating func stopped(
        _ write: WriteIndex, _ failure: StreamFailure, _ core: inout StreamCore<Ring>
    ) {
        let entry = at(write)
        entry.pointee.connection = nil
        entry.pointee.isWatched = false
        core.rest(.write(write))
        guard !entry.pointee.isEnding else { return }
        entry.pointee.stop(failure)
        core.news.add(.write(write))
    }

    // MARK: Ending

    mutating func endAll(_ core: inout StreamCore<Ring>) {
        for write in table.places where isUsed(write) { end(write, &core) }
    }

    /// Gives a write up; its buffers come back as the kernel lets go of them.
    mutating func end(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        let entry = at(write)
        guard !entry.pointee.isEnding else { return }
        entry.pointee.isEnding = true
        if let connection = entry.pointee.connection { core.close(connection) }
        entry.pointee.connection = nil
        core.rest(.write(write))
        if entry.pointee.pending > 0 { core.reactor.cancel(entry.pointee.fillToken) }
        while let frame = entry.pointee.window.popAny() { core.buffers.release(frame.buffer) }
        removeIfSettled(write, &core)
    }

    /// It is freed when its owner has heard all and no operation names it.
    mutating func removeIfSettled(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        let entry = at(write)
        guard entry.pointee.isEnding, entry.pointee.pending == 0,
            !core.news.contains(.write(write))
        else { return }
        core.buffers.forget(write)
        table.remove(write)
    }

    // MARK: News

    /// What the owner hears next of a write that was among the news.
    mutating func nextEvent(of write: WriteIndex, _ core: inout StreamCore<Ring>) -> StreamEvent? {
        let entry = at(write)
        let id = WriteID(index: write)
        guard !entry.pointee.isEnding else {
            removeIfSettled(write, &core)
            return nil
        }
        if entry.pointee.hasProgress {
            entry.pointee.hasProgress = false
            core.news.add(.write(write))
            return .progress(id, entry.pointee.window.acked)
        }
        if entry.pointee.hasFilled {
            entry.pointee.hasFilled = false
            core.news.add(.write(write))
            return .filled(
                id, length: entry.pointee.reserved, isSourceEnded: entry.pointee.isSourceEnded)
        }
        if let seal = entry.pointee.seal {
            end(write, &core)
            return .sealed(id, seal)
        }
        if let failure = entry.pointee.failure {
            entry.pointee.failure = nil
            return .writeFailed(id, failure)
        }
        return grant(write, &core)
    }

    // MARK: What holds

    mutating func checkInvariants(_ core: inout StreamCore<Ring>) {
        for write in table.places where isUsed(write) {
            at(write).pointee.checkInvariants(core.settings)
            guard let connection = at(write).pointee.connection else { continue }
            precondition(
                core.transport.at(connection).role.party == .write(write),
                "a write and its connection agree")
        }
    }
}
