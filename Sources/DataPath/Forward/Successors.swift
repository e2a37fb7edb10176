import Reactor
import System
import Transport
import Wire

// How a stream comes by its connection to the next node, and how it lets go of it. A connection
// whose stream was answered is kept for the next stream to the same node: small blocks would spend
// more on connecting than on their bytes.
extension Datanode where Ring: ~Copyable {
    /// Connects to the next node of the stream's chain, with the credentials that `writer` brought.
    mutating func dial(_ stream: StreamIndex, for writer: StreamIndex) {
        let entry = writes.at(stream)
        let next = entry.pointee.chain.nodes[entry.pointee.position + 1]
        entry.pointee.successor = .connecting
        guard let address = SocketAddress(host: next.host, port: next.port) else {
            return successorLost(
                stream, .nextHopUnreachable, "\(next.host) is not a numeric address")
        }
        if let index = core.transport.takeParked(to: address) {
            return reuse(index, for: stream, of: writer)
        }
        guard core.connections.places.reserve(for: .dial),
            let index = core.transport.dial(
                address, ConnectionRole(.outbound, stream: stream), .outbound,
                zeroCopyAfter: core.zeroCopyAfter(.outbound))
        else {
            return successorLost(stream, .busy, "no connection is left for the next node")
        }
        passCredentials(of: writer, to: index)
        entry.pointee.downstream = index
        core.transport.awaitReceiving(index, within: core.settings.progressTimeout)
    }

    /// The stream's connection to the next node is there.
    mutating func successorOpened(_ index: ConnectionIndex) {
        let stream = core.transport.at(index).role.stream
        writes.at(stream).pointee.successor = .open
        beginHeader(index)
        watch(stream)
        core.transport.sendFrame(index, kind: OperationKind.forwardCredentials.rawValue)
    }

    /// Lets go of the connection to the next node and of what was to be sent there. One that owes
    /// nothing in either direction is parked.
    mutating func dropSuccessor(_ stream: StreamIndex) {
        let entry = writes.at(stream)
        let index = entry.pointee.downstream
        guard index >= 0 else { return clearForwards(stream) }
        let isAtRest = isAtRest(stream, index)
        entry.pointee.downstream = -1
        core.transport.at(index).role.stream = -1
        clearForwards(stream)
        if isAtRest { park(index) } else { close(index) }
    }

    private mutating func isAtRest(_ stream: StreamIndex, _ index: ConnectionIndex) -> Bool {
        let entry = writes.at(stream)
        let connection = core.transport.at(index)
        return entry.pointee.seal.isWanted && entry.pointee.seal.behind != nil
            && entry.pointee.forwards.isEmpty && !entry.pointee.forwards.isSending
            && connection.isOpen && !connection.isSending
            && connection.isBetweenFrames && !core.isStopping
    }

    private mutating func park(_ index: ConnectionIndex) {
        if core.transport.parkedCount == Budget.parked, let oldest = core.transport.oldestParked {
            close(oldest)
        }
        core.transport.park(index)
        // Below the time after which the other side closes an idle connection.
        core.transport.awaitReceiving(index, within: core.settings.idleTimeout / 3)
    }

    private mutating func reuse(
        _ index: ConnectionIndex, for stream: StreamIndex, of writer: StreamIndex
    ) {
        let entry = writes.at(stream)
        core.transport.at(index).role.stream = stream
        entry.pointee.downstream = index
        entry.pointee.successor = .open
        core.counters.successorsReused &+= 1
        passCredentials(of: writer, to: index)
        watch(stream)
        core.transport.sendFrame(index, kind: OperationKind.forwardCredentials.rawValue)
    }

    /// Makes the frame that opens the stream at the next node, in that connection's own memory: the
    /// writer's frame with the same credentials, and a challenge of our own.
    private mutating func passCredentials(of writer: StreamIndex, to index: ConnectionIndex) {
        var header = core.transport.at(writer).header
        header.flags.remove(.more)
        core.transport.number(&header, index)
        let entry = writes.at(core.transport.at(index).role.stream)
        entry.pointee.successorProof = header.demandProof(
            key: entry.pointee.key, place: entry.pointee.position + 1,
            using: &core.connections.random)
        core.transport.fill(
            index, header,
            UnsafeRawBufferPointer(
                start: core.transport.bodyMemory(of: writer), count: Int(header.payloadLength)))
    }
}
