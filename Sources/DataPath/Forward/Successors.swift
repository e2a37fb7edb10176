import Glibc
import Reactor
import System
import Transport
import Wire

// How a stream comes by its connection to the next node, and how it lets go of it. A connection
// whose stream was answered is kept for the next stream to the same node: small blocks would spend
// more on connecting than on their bytes.
extension Datanode where Ring: ~Copyable {
    /// Connects to the next node of the stream's chain, with the credentials that `writer` brought.
    mutating func dial(_ stream: Int32, for writer: Int32) {
        let entry = writes.at(stream)
        let next = entry.pointee.chain.nodes[entry.pointee.position + 1]
        entry.pointee.successor = .connecting
        guard let address = SocketAddress(host: next.host, port: next.port) else {
            return successorLost(
                stream, .nextHopUnreachable, "\(next.host) is not a numeric address")
        }
        if let index = takeParked(address) { return reuse(index, for: stream, of: writer) }
        let connection = Connection(
            role: .outbound, life: .connecting, descriptor: .none, address: address,
            zeroCopy: ZeroCopy(isAllowed: core.connections.mayZeroCopy))
        guard core.connections.places.reserve(for: .dial),
            let index = core.connections.insert(connection)
        else {
            return successorLost(stream, .busy, "no connection is left for the next node")
        }
        core.connections.at(index).pointee.stream = stream
        core.connections.at(index).pointee.streamNumber = 1
        passCredentials(of: writer, to: index)
        entry.pointee.downstream = index
        core.arm(.receive(index), in: core.settings.progressTimeout)
        core.start(.makeSocket, connection: index, .socket(family: address.family))
    }

    /// Lets go of the connection to the next node and of what was to be sent there. One that owes
    /// nothing in either direction is parked.
    mutating func dropSuccessor(_ stream: Int32) {
        let entry = writes.at(stream)
        let index = entry.pointee.downstream
        guard index >= 0 else { return clearForwards(stream) }
        let isAtRest = isAtRest(stream, index)
        entry.pointee.downstream = -1
        core.connections.at(index).pointee.stream = -1
        clearForwards(stream)
        if isAtRest { park(index) } else { close(index) }
    }

    private func isAtRest(_ stream: Int32, _ index: Int32) -> Bool {
        let entry = writes.at(stream)
        let connection = core.connections.at(index)
        return entry.pointee.seal.isWanted && entry.pointee.seal.behind != nil
            && entry.pointee.forwards.isEmpty && !entry.pointee.forwards.isSending
            && connection.pointee.life == .open
            && !connection.pointee.isSendingControl && connection.pointee.receiving == .header
            && connection.pointee.headerBytes == 0 && !core.isStopping
    }

    private mutating func reuse(_ index: Int32, for stream: Int32, of writer: Int32) {
        let entry = writes.at(stream)
        let connection = core.connections.at(index)
        connection.pointee.stream = stream
        connection.pointee.streamNumber &+= 1
        connection.pointee.sequence = 0
        entry.pointee.downstream = index
        entry.pointee.successor = .open
        core.clear(.receive(index))
        core.counters.successorsReused &+= 1
        passCredentials(of: writer, to: index)
        watch(stream)
        core.sendControlFrame(index, .forwardCredentials)
    }

    /// Makes the frame that opens the stream at the next node, in that connection's own memory: the
    /// writer's frame with the same credentials, and a challenge of our own.
    private mutating func passCredentials(of writer: Int32, to index: Int32) {
        var header = core.connections.at(writer).pointee.header
        header.flags.remove(.more)
        header.stream = core.connections.at(index).pointee.streamNumber
        header.sequence = 0
        let entry = writes.at(core.connections.at(index).pointee.stream)
        entry.pointee.successorProof = header.demandProof(
            key: entry.pointee.key, place: entry.pointee.position + 1,
            using: &core.connections.random)
        core.fillControlFrame(
            index, header,
            UnsafeRawBufferPointer(
                start: core.connections.received(of: writer), count: Int(header.payloadLength)))
    }
}
