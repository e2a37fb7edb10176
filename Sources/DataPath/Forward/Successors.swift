import Reactor
import System
import Transport
import Wire

/// The chain behind this node: the successor of each write stream, which gets every frame from the
/// buffer it was received into, while the device writes it. Step 5 of the write path.
///
/// A connection whose stream was answered is kept for the next stream to the same node: small
/// blocks would spend more on connecting than on their bytes.
struct Successors<Ring: RingBackend & ~Copyable>: ~Copyable {
    /// By the stream's index.
    private let records: UnsafeMutablePointer<Successor>
    private let capacity: Int

    init(streams: Int) {
        capacity = streams
        records = .allocate(capacity: streams)
        records.initialize(repeating: Successor(), count: streams)
    }

    deinit { records.deallocate() }

    /// The successor of one stream, as this node knows it.
    struct Successor {
        var connection: ConnectionIndex?
        /// The connection is there; before, it is being made.
        var isOpen = false
        /// What it has to show before anything it says is believed.
        var proof: ProofCheck?
        /// It owes something, and a deadline runs.
        var isWatched = false
        var queue = ForwardQueue()
    }

    /// What follows from what a successor said.
    enum Heard {
        /// An answer, whose payload is to be received.
        case answer
        /// More is true of the chain than before.
        case progress
        case lost(Loss)
    }

    /// A stream has no chain behind it any more: what its writer is told, and of which node.
    struct Loss {
        let status: Status
        let report: ErrorReport

        init(_ status: Status, _ report: ErrorReport) {
            self.status = status
            self.report = report
        }

        /// - Parameter text: what is wrong with the stream's successor.
        init(_ stream: inout WriteStream, _ status: Status, _ text: String) {
            let node = stream.chain.nodes[stream.position + 1]
            self.init(
                status,
                ErrorReport(node: node.node, text: "\(node.host):\(node.port): \(text)"))
        }

        /// Whoever answers at the successor's address has not shown that it is that node.
        static func unproven(_ stream: inout WriteStream) -> Loss {
            Loss(&stream, .unproven, Status.unproven.explanation)
        }
    }

    @inline(__always)
    func at(_ stream: StreamIndex) -> UnsafeMutablePointer<Successor> {
        records + stream.place
    }

    func connection(of stream: StreamIndex) -> ConnectionIndex? { at(stream).pointee.connection }

    /// The stream's chain goes on behind this node.
    @inline(__always)
    func has(_ stream: StreamIndex) -> Bool { at(stream).pointee.connection != nil }

    // MARK: Connecting

    /// Connects to the successor, with the credentials that `writer` brought.
    /// - Returns: why there is none, if there is none.
    mutating func dial(
        _ index: StreamIndex, _ stream: inout WriteStream, for writer: ConnectionIndex,
        _ core: inout Core<Ring>
    ) -> Loss? {
        let node = stream.chain.nodes[stream.position + 1]
        guard let address = SocketAddress(host: node.host, port: node.port) else {
            return Loss(&stream, .nextHopUnreachable, "\(node.host) is not a numeric address")
        }
        if let parked = core.transport.takeParked(to: address) {
            core.transport.at(parked).role.stream = index
            core.counters.successorsReused &+= 1
            prepareOpening(parked, index, &stream, for: writer, &core)
            opened(index, &stream, &core)
            return nil
        }
        guard core.connections.places.reserve(for: .dial),
            let dialled = core.transport.dial(
                address, ConnectionRole(.successor, stream: index), .successor,
                zeroCopyAfter: core.zeroCopyAfter(.successor))
        else { return Loss(&stream, .busy, "no connection is left for the next node") }
        prepareOpening(dialled, index, &stream, for: writer, &core)
        core.transport.awaitReceiving(dialled, within: core.settings.progressTimeout)
        return nil
    }

    /// Makes the frame that opens the stream at the successor, in that connection's own memory: the
    /// writer's frame with the same credentials, and a challenge of our own.
    private mutating func prepareOpening(
        _ connection: ConnectionIndex, _ index: StreamIndex, _ stream: inout WriteStream,
        for writer: ConnectionIndex, _ core: inout Core<Ring>
    ) {
        at(index).pointee.connection = connection
        var header = core.transport.at(writer).header
        header.flags.remove(.more)
        core.transport.number(&header, connection)
        at(index).pointee.proof = header.demandProof(
            key: stream.key, place: stream.position + 1, using: &core.connections.random)
        core.transport.fill(
            connection, header,
            UnsafeRawBufferPointer(
                start: core.transport.bodyMemory(of: writer), count: Int(header.payloadLength)))
    }

    /// The connection to the stream's successor is there.
    mutating func opened(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        guard let connection = at(index).pointee.connection else {
            preconditionFailure("who opens was dialled")
        }
        at(index).pointee.isOpen = true
        watch(index, &stream, &core)
        core.transport.sendFrame(
            connection, kind: OperationKind.forwardCredentials.rawValue)
    }

    // MARK: Letting go

    /// Lets go of the connection to the successor and of what was to be sent there. One that owes
    /// nothing in either direction is parked.
    mutating func drop(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        guard let connection = at(index).pointee.connection else { return }
        let isAtRest = isAtRest(index, &stream, connection, &core)
        core.transport.at(connection).role.stream = nil
        forget(index, &stream, &core)
        if isAtRest { core.park(connection) } else { core.end(connection) }
    }

    private mutating func isAtRest(
        _ index: StreamIndex, _ stream: inout WriteStream, _ connection: ConnectionIndex,
        _ core: inout Core<Ring>
    ) -> Bool {
        let link = core.transport.at(connection)
        return stream.seal.isWanted && stream.seal.behind != nil && at(index).pointee.queue.isEmpty
            && link.isOpen && !link.isSending && link.isBetweenFrames && !core.isStopping
    }

    /// The connection to the successor parts from the stream, or has: frames that wait to be sent
    /// there are given back.
    mutating func forget(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        while let buffer = at(index).pointee.queue.takeUnsent() {
            core.giveBack(buffer, of: &stream)
        }
        at(index).pointee = Successor()
    }

    // MARK: Its deadline

    /// The successor owes progress from the moment something is under way to it.
    mutating func watch(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        guard !at(index).pointee.isWatched else { return }
        at(index).pointee.isWatched = true
        rewatch(index, &stream, &core)
    }

    /// It moved: the deadline begins again while it owes more, and rests when it owes nothing.
    mutating func rewatch(
        _ index: StreamIndex, _ stream: inout WriteStream, _ core: inout Core<Ring>
    ) {
        guard let connection = at(index).pointee.connection else { return }
        let owesData =
            !stream.join.isChainReady
            || stream.join.behind.written < at(index).pointee.queue.forwarded
            || at(index).pointee.queue.isSending
        let owesSeal =
            stream.seal.isWanted && stream.seal.isAccepted && stream.seal.behind == nil
        let owesFlush = stream.flush.forwarded > stream.join.behind.durable
        guard owesData || owesSeal || owesFlush else {
            at(index).pointee.isWatched = false
            return core.transport.restReceiving(connection)
        }
        // A flush or a durable seal waits for every device, which takes as long as it takes.
        let span = owesData ? core.settings.progressTimeout : 6 * core.settings.progressTimeout
        core.transport.awaitReceiving(connection, within: span)
    }

    // MARK: What holds

    mutating func checkInvariants(_ index: StreamIndex, isEnding: Bool, _ core: inout Core<Ring>) {
        let successor = at(index)
        guard let connection = successor.pointee.connection else {
            precondition(!successor.pointee.isOpen, "who is heard is connected to")
            return precondition(successor.pointee.queue.isEmpty, "what is forwarded goes somewhere")
        }
        precondition(!isEnding, "who ends has let go")
        precondition(core.transport.at(connection).role.stream == index, "both know it")
    }
}
