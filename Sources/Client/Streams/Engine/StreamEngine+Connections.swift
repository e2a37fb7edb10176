import Glibc
import Reactor
import System
import Transport
import Wire

// How an engine comes by its connections to datanodes, what it makes of their news, and how it lets
// go of them.
extension StreamEngine where Ring: ~Copyable {
    /// An idle connection to `address`, or a new one; `nil` at the bound.
    mutating func connection(
        to address: SocketAddress, for owner: StreamRole.Owner
    ) -> ConnectionIndex? {
        if let index = transport.takeParked(to: address) {
            transport.at(index).role = StreamRole(owner)
            counters.connectionsReused &+= 1
            return index
        }
        guard openConnections < settings.connections else {
            // An idle connection to somebody else makes room, one turn later.
            if let idle = transport.oldestParked { close(idle) }
            return nil
        }
        guard let index = transport.dial(address, StreamRole(owner), .stream) else {
            preconditionFailure("every connection within its bound has a place")
        }
        openConnections += 1
        counters.connectionsMade &+= 1
        return index
    }

    /// What happened on a connection.
    mutating func heard(_ index: ConnectionIndex, _ news: ConnectionNews) {
        if case .control(let link) = transport.at(index).role.owner {
            return heardControl(link, index, news)
        }
        switch news {
        case .none: break
        case .opened:
            beginHeader(index)
            pump(index)
        case .noSocket(let number), .unreachable(let number): fail(index, .unreachable(number))
        case .header: takeUp(index)
        case .badHeader(let status): fail(index, .protocolError(status.explanation))
        case .body: answerComplete(index)
        case .payload(let slot): payloadComplete(index, slot)
        case .ended(let number, _, let slot):
            if slot >= 0 { releaseSlot(slot) }
            fail(index, .disconnected(number))
        case .sent(let bytes, let slot):
            counters.bytesSent &+= UInt64(bytes)
            letGo(slot)
            pump(index)
        case .notSent(_, let bytes, let slot):
            // The peer may have said why before it went: the receiving half finds the words, or the
            // end.
            counters.bytesSent &+= UInt64(bytes)
            let isIdle = transport.at(index).role.owner == .nobody
            transport.at(index).role.isBroken = true
            letGo(slot)
            // Nobody hears its end, and the next stream would take it for a good one.
            if isIdle { close(index) }
        case .letGo(let slot): letGo(slot)
        case .closed:
            transport.remove(index)
            openConnections -= 1
        case .bytes, .lingered: preconditionFailure("a stream asks for frames and does not linger")
        }
    }

    /// Sends whatever the connection's stream has to send next.
    mutating func pump(_ index: ConnectionIndex) {
        let entry = transport.at(index)
        guard entry.isOpen, !entry.isSending, !entry.role.isBroken else {
            return
        }
        switch entry.role.owner {
        case .nobody, .control: break
        case .write(let write): pumpWrite(write)
        case .read(let read): pumpRead(read, index)
        }
    }

    /// The stream on a connection stops, and the connection with it.
    mutating func fail(_ index: ConnectionIndex, _ failure: StreamFailure) {
        let owner = transport.at(index).role.owner
        close(index)
        switch owner {
        case .nobody, .control: break
        case .write(let write): writeStopped(write, failure)
        case .read(let read): readStopped(read, on: index, failure)
        }
    }

    /// A deadline passed: nothing came of the stream on a connection.
    mutating func failSilent(_ index: ConnectionIndex) {
        fail(index, transport.at(index).isOpen ? .timedOut : .unreachable(ETIMEDOUT))
    }

    /// The stream is over; the connection waits for the next one.
    mutating func free(_ index: ConnectionIndex) {
        let isBroken = transport.at(index).role.isBroken
        transport.at(index).role = StreamRole(.nobody)
        guard !isBroken else { return close(index) }
        transport.park(index)
        beginHeader(index)
    }

    mutating func close(_ index: ConnectionIndex) {
        transport.at(index).role = StreamRole(.nobody)
        transport.close(index)
    }
}
