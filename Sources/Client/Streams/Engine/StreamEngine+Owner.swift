import ControlClient
import Reactor
import System
import Wire

// What an engine's owner asks for, of writes, reads and calls.
extension StreamEngine where Ring: ~Copyable {
    // MARK: Writes

    /// Begins to write a block.
    /// - Returns: `nil` when `settings.writes` or `settings.connections` is reached.
    package mutating func write(_ request: WriteRequest) -> WriteID? {
        writers.begin(request, &core)
    }

    /// Goes on with a stopped write on a new stream, with the same token: everything unacked is
    /// sent again.
    /// - Returns: `false` when no connection is left; the write stays stopped.
    package mutating func resume(_ id: WriteID) -> Bool { writers.resume(id.index, &core) }

    /// Whether the bytes of a stopped write can still become another block.
    package func isInMemory(_ id: WriteID) -> Bool { writers.isInMemory(id.index) }

    /// Gives a stopped write's bytes to another block. `maxBytes` must not be less than before.
    package mutating func move(
        _ id: WriteID, block: BlockID, epoch: Epoch, opening: StreamOpening, address: SocketAddress
    ) -> Bool {
        writers.move(id.index, to: block, epoch, opening, at: address, &core)
    }

    /// Asks the chain to make everything that was provided so far durable while the block stays
    /// open. `progress` says when it is: when `durable` has reached the end that is returned.
    @discardableResult
    package mutating func flush(_ id: WriteID) -> UInt64 { writers.flush(id.index, &core) }

    /// Gives a write up; its buffers come back as the kernel lets go of them.
    package mutating func end(_ id: WriteID) { writers.end(id.index, &core) }

    /// Answers `wantsPayload` with `count` bytes at the memory it named: the block's last frame may
    /// be shorter than asked, every other one of a block of known length has all of them.
    package mutating func provide(_ id: WriteID, buffer: BufferIndex, count: Int) {
        writers.provide(id.index, buffer, count: count, &core)
    }

    /// Answers `wantsPayload` of a block of unknown length: there is no more.
    package mutating func decline(_ id: WriteID, buffer: BufferIndex) {
        writers.decline(id.index, buffer, &core)
    }

    /// Reads a source's next bytes before there is a block for them: `peeked` or `peekFailed`
    /// follows.
    package mutating func peek(_ descriptor: Int32) { source.begin(descriptor, &core) }

    // MARK: Reads

    /// Begins to read a range of a block.
    /// - Returns: `nil` when `settings.reads` or `settings.connections` is reached.
    package mutating func read(_ request: ReadRequest) -> ReadID? {
        readers.begin(request, &core)
    }

    /// Goes on with a stopped read at another replica, or at the same with another token: only what
    /// is not verified is asked for.
    package mutating func redirect(
        _ id: ReadID, to address: SocketAddress, opening: StreamOpening
    ) -> Bool {
        readers.redirect(id.index, to: address, opening, &core)
    }

    /// Whether a second replica can be asked: nothing has come of the one that was.
    package func canHedge(_ id: ReadID) -> Bool { readers.canHedge(id.index) }

    /// Asks a second replica for the same range; `readNarrowed` says which of the two is out.
    /// - Returns: `false` when no connection is left.
    package mutating func hedge(
        _ id: ReadID, to address: SocketAddress, opening: StreamOpening
    ) -> Bool {
        readers.hedge(id.index, to: address, opening, &core)
    }

    /// Gives a read up. Bytes on their way to the sink still arrive there.
    package mutating func end(_ id: ReadID) { readers.end(id.index, &core) }

    /// Gives a buffer of a `payload` event back.
    package mutating func consumed(_ id: ReadID, buffer: BufferIndex) {
        readers.drained(id.index, buffer, &core)
    }

    // MARK: Calls

    /// Begins to connect; `controlOpened` or `controlFailed` follows.
    /// - Returns: `nil` when `settings.controls` is reached.
    package mutating func control(
        to endpoint: Endpoint, at address: SocketAddress, cluster: ClusterID?, software: String
    ) -> ControlID? {
        links.begin(to: endpoint, at: address, cluster, software: software, &core)
    }

    /// Sends a request with the next turn; `replied` or `callFailed` follows.
    /// - Returns: `nil` at the bound of calls or bytes of the connection, or of the engine's calls,
    ///   and while the connection is not open.
    package mutating func call(
        _ id: ControlID, _ operation: ControlRequest.OneOf_Operation
    ) -> CallID? {
        links.call(operation, over: id.index, &core)
    }

    /// Whether calls can be made.
    package func isOpen(_ id: ControlID) -> Bool { links.isOpen(id.index) }

    /// Gives the connection up. Its calls are over, without an event.
    package mutating func end(_ id: ControlID) { links.end(id.index, &core) }
}
