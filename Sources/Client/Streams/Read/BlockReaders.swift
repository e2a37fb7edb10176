import CURing
import Glibc
import Reactor
import System
import Transport
import Wire

/// The ranges that an engine reads: receive (1) -> verify (2) -> drain (3). And how a read begins,
/// takes another replica and ends.
///
/// A read whose replica is slow to answer asks a second one as well, and goes on with whichever
/// sends data first. Until then nothing was taken from either, so the other one is just let go.
struct BlockReaders<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var table: Slab<BlockReader>

    init(_ settings: EngineSettings) { table = Slab(capacity: settings.reads) }

    // MARK: Records

    var count: Int {
        @inline(__always) get { table.count }
    }

    @inline(__always)
    func at(_ read: ReadIndex) -> UnsafeMutablePointer<BlockReader> { table.at(read) }

    @inline(__always)
    func isUsed(_ read: ReadIndex) -> Bool { table.isUsed(read) }

    // MARK: Beginning

    /// - Returns: `nil` at the bound of reads or connections.
    mutating func begin(_ request: ReadRequest, _ core: inout StreamCore<Ring>) -> ReadID? {
        let reader = BlockReader(request, buffers: core.settings.buffers)
        guard let read = table.insert(reader) else { return nil }
        guard connect(read, to: request.address, &core) else {
            table.remove(read)
            return nil
        }
        return ReadID(index: read)
    }

    mutating func redirect(
        _ read: ReadIndex, to address: SocketAddress, _ opening: StreamOpening,
        _ core: inout StreamCore<Ring>
    ) -> Bool {
        precondition(at(read).pointee.isStopped, "only a stopped read is redirected")
        at(read).pointee.redirect(opening)
        return connect(read, to: address, &core)
    }

    private mutating func connect(
        _ read: ReadIndex, to address: SocketAddress, _ core: inout StreamCore<Ring>
    ) -> Bool {
        guard let connection = core.connection(to: address, for: .read(read)) else {
            return false
        }
        at(read).pointee.ask(over: connection)
        watch(read, &core)
        pump(read, connection, &core)
        return true
    }

    @inline(__always)
    func canHedge(_ read: ReadIndex) -> Bool { isUsed(read) && at(read).pointee.canHedge }

    mutating func hedge(
        _ read: ReadIndex, to address: SocketAddress, _ opening: StreamOpening,
        _ core: inout StreamCore<Ring>
    ) -> Bool {
        precondition(canHedge(read), "a second replica is asked while the first is silent")
        guard let connection = core.connection(to: address, for: .read(read)) else {
            return false
        }
        at(read).pointee.askRival(over: connection, opening)
        pump(read, connection, &core)
        return true
    }

    /// Sends a replica's request.
    mutating func pump(
        _ read: ReadIndex, _ index: ConnectionIndex, _ core: inout StreamCore<Ring>
    ) {
        let connection = core.transport.at(index)
        guard core.canSend(index), !connection.role.isRequestSent else { return }
        connection.role.isRequestSent = true
        let (header, credentials) = at(read).pointee.request(over: index, using: &core.random)
        core.sendControl(index, header, payload: credentials)
    }

    // MARK: Its deadline

    /// The replica owes the next frame.
    private mutating func watch(_ read: ReadIndex, _ core: inout StreamCore<Ring>) {
        core.arm(.read(read), within: core.settings.progressTimeout)
    }

    /// Nothing came before it: of either replica, where there are two.
    mutating func expired(_ read: ReadIndex, _ core: inout StreamCore<Ring>) {
        guard isUsed(read), let asked = at(read).pointee.asked?.connection else { return }
        if let rival = at(read).pointee.rival?.connection {
            fail(read, on: rival, core.silence(on: rival), &core)
        }
        fail(read, on: asked, core.silence(on: asked), &core)
    }

    // MARK: 1. Receive

    /// A data frame's header is here. Its payload is asked for.
    mutating func heardData(
        _ read: ReadIndex, _ header: FrameHeader, on index: ConnectionIndex,
        _ core: inout StreamCore<Ring>
    ) {
        guard at(read).pointee.isProven(on: index) else {
            return fail(read, on: index, .unproven, &core)
        }
        if let slower = at(read).pointee.answered(on: index) {
            core.close(slower)
            core.news.add(.read(read))
        }
        do throws(StreamFailure) { try at(read).pointee.judge(header) } catch {
            return fail(read, on: index, error, &core)
        }
        guard Int(header.payloadLength) <= core.settings.packetBytes else {
            return fail(
                read, on: index, .protocolError("a frame that is longer than a buffer"), &core)
        }
        core.transport.at(index).role.isAwaitingSlot = true
        receivePayload(read, index, &core)
    }

    /// Takes a buffer and receives into it; without one, receiving stops until there is.
    mutating func receivePayload(
        _ read: ReadIndex, _ index: ConnectionIndex, _ core: inout StreamCore<Ring>
    ) {
        let connection = core.transport.at(index)
        guard connection.role.isAwaitingSlot else { return }
        guard let buffer = core.takeBuffer(for: .connection(index)) else {
            // The peer owes nothing while we take nothing.
            return core.rest(.read(read))
        }
        core.buffers[buffer] = BufferRecord(header: connection.header)
        connection.role.isAwaitingSlot = false
        watch(read, &core)
        core.transport.receivePayload(index, buffer: buffer, at: core.buffers.payload(of: buffer))
    }

    // MARK: 2. Verify

    /// A payload is here.
    mutating func arrived(
        _ read: ReadIndex, _ buffer: BufferIndex, _ header: FrameHeader,
        on index: ConnectionIndex, _ core: inout StreamCore<Ring>
    ) -> AfterFrame {
        let entry = at(read)
        let slice: ReadAssembly.Slice
        do throws(StreamFailure) {
            slice = try entry.pointee.take(buffer, header, core.buffers.payload(of: buffer))
        } catch {
            core.buffers.release(buffer)
            fail(read, on: index, error, &core)
            return .nothing
        }
        if slice.count > 0 {
            core.buffers[buffer].start = slice.start
            core.buffers[buffer].wanted = slice.count
            core.buffers[buffer].position = slice.offset
        } else {
            core.buffers.release(buffer)
        }
        core.news.add(.read(read))
        drain(read, &core)
        guard header.flags.contains(.last) else {
            watch(read, &core)
            return .next
        }
        _ = entry.pointee.finishStream()
        core.rest(.read(read))
        return .over
    }

    // MARK: Stopping

    /// A stream fails, and its connection with it.
    private mutating func fail(
        _ read: ReadIndex, on index: ConnectionIndex, _ failure: StreamFailure,
        _ core: inout StreamCore<Ring>
    ) {
        core.close(index)
        stopped(read, on: index, failure, &core)
    }

    /// A connection is gone: the read goes on with the other one, or stops.
    mutating func stopped(
        _ read: ReadIndex, on index: ConnectionIndex, _ failure: StreamFailure,
        _ core: inout StreamCore<Ring>
    ) {
        let entry = at(read)
        guard entry.pointee.rival == nil else {
            entry.pointee.narrow(without: index, failure)
            return core.news.add(.read(read))
        }
        _ = entry.pointee.finishStream()
        stop(read, failure, &core)
    }

    private mutating func stop(
        _ read: ReadIndex, _ failure: StreamFailure, _ core: inout StreamCore<Ring>
    ) {
        core.rest(.read(read))
        guard !at(read).pointee.isEnding else { return }
        at(read).pointee.stop(failure)
        core.news.add(.read(read))
    }

    // MARK: Ending

    mutating func endAll(_ core: inout StreamCore<Ring>) {
        for read in table.places where isUsed(read) { end(read, &core) }
    }

    /// Gives a read up. Bytes on their way to the sink still arrive there.
    mutating func end(_ read: ReadIndex, _ core: inout StreamCore<Ring>) {
        guard !at(read).pointee.isEnding else { return }
        at(read).pointee.isEnding = true
        letGo(read, &core)
        core.rest(.read(read))
        removeIfSettled(read, &core)
    }

    /// Closes its connections, and drops what waits for the sink or the owner.
    private mutating func letGo(_ read: ReadIndex, _ core: inout StreamCore<Ring>) {
        while let connection = at(read).pointee.takeConnection() { core.close(connection) }
        while let buffer = at(read).pointee.drop() { core.buffers.release(buffer) }
    }

    /// It is freed when its owner has heard all and gave every buffer back.
    mutating func removeIfSettled(_ read: ReadIndex, _ core: inout StreamCore<Ring>) {
        guard at(read).pointee.isEnding, at(read).pointee.held == 0,
            !core.news.contains(.read(read))
        else { return }
        table.remove(read)
    }

    /// Nothing more can reach the sink.
    mutating func sinkFailed(
        _ read: ReadIndex, _ number: Int32, _ core: inout StreamCore<Ring>
    ) {
        letGo(read, &core)
        stop(read, .sink(number), &core)
    }

    // MARK: What holds

    mutating func checkInvariants(_ core: inout StreamCore<Ring>) {
        for read in table.places where isUsed(read) {
            at(read).pointee.checkInvariants()
            for replica in [at(read).pointee.asked, at(read).pointee.rival] {
                guard let replica else { continue }
                precondition(
                    core.transport.at(replica.connection).role.party == .read(read),
                    "a read and its connections agree")
            }
        }
    }
}
