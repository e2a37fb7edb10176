import Reactor
import Synchronization
import System
import Wire

/// A connection on its way to the reactor that has the block its next stream names: everything that
/// is known of it, for it is between two streams.
struct Arrival: Sendable {
    /// A plain descriptor of the process; fixed files belong to one ring.
    let descriptor: Int32
    let address: SocketAddress
    /// A `write` or `read` frame, whole.
    let header: FrameHeader
    /// Its credentials, and the next header when it was promised.
    let bytes: [UInt8]
}

/// How the other reactors of a datanode reach one: a bounded mailbox for connections, and the count
/// of its places, so that who comes through finds one.
public final class ReactorDoor: Sendable {
    let mail: Mailbox<Mail>
    let arrivals: Mailbox<Arrival>
    let places: Int
    private let taken = Atomic<Int>(0)

    init(mail: Mailbox<Mail>, arrivals: Mailbox<Arrival>, places: Int) {
        self.mail = mail
        self.arrivals = arrivals
        self.places = places
    }

    /// Places that are taken or promised.
    var used: Int { taken.load(ordering: .relaxed) }

    /// Takes a place for one connection; `false` when all are taken but those that are `spared`.
    func reserve(sparing spared: Int = 0) -> Bool {
        let count = taken.add(1, ordering: .relaxed).newValue
        guard count > places - spared else { return true }
        taken.subtract(1, ordering: .relaxed)
        return false
    }

    /// Takes a place for a connection from another reactor.
    func reserveArrival() -> Bool {
        reserve(sparing: ConnectionPlaces.spared(by: .arrival, of: places))
    }

    func release() {
        let count = taken.subtract(1, ordering: .relaxed).newValue
        precondition(count >= 0, "a place is given back once")
    }
}
