import Reactor
import Transport

/// The places of a reactor's connection table: who takes one, and who gives one back when they run
/// short. That is whoever has no stream, the longest without one first, and never the last that
/// came.
struct ConnectionPlaces: ~Copyable {
    /// Who asks for a place, and how many it leaves to the others.
    enum Purpose {
        /// A socket of the listener.
        case accept
        /// A connection from another reactor.
        case arrival
        /// A connection to the successor of one of this reactor's streams.
        case dial
    }

    private let count: Int
    private let mostStrangers: Int
    /// Where other reactors take places too; without one the count is kept here.
    private let door: ReactorDoor?
    private var own = 0
    /// Connections that close: their places come back by themselves.
    private var ending = 0
    /// Inbound connections that have shown no valid token yet, the oldest first.
    private var strangers: AgeList<Link>
    /// Inbound connections that have shown one and carry no stream now.
    private var idle: AgeList<Link>

    init(_ budget: Budget, door: ReactorDoor?) {
        count = budget.connections
        mostStrangers = budget.unauthenticated
        self.door = door
        strangers = AgeList(places: count)
        idle = AgeList(places: count)
    }

    // MARK: Taking and giving back

    /// Takes a place; whoever is in transit to this reactor has one too.
    mutating func reserve(for purpose: Purpose) -> Bool {
        let spared = Self.spared(by: purpose, of: count)
        if let door { return door.reserve(sparing: spared) }
        guard own < count - spared else { return false }
        own += 1
        return true
    }

    mutating func release() {
        if let door { return door.release() }
        own -= 1
    }

    /// Of `count` places: streams that are taken in want one each for their successor.
    static func spared(by purpose: Purpose, of count: Int) -> Int {
        switch purpose {
        case .accept: count / 16
        case .arrival: count / 32
        case .dial: 0
        }
    }

    /// The next accept would find no place, though all that close were gone.
    var isCrowded: Bool {
        (door?.used ?? own) - ending >= count - Self.spared(by: .accept, of: count)
    }

    // MARK: Who has no stream

    /// A connection came in.
    /// - Returns: the stranger that gives its place up for it, when there are too many.
    mutating func enter(_ index: ConnectionIndex) -> ConnectionIndex? {
        strangers.add(index)
        guard strangers.count > mostStrangers, let oldest = strangers.oldest, oldest != index else {
            return nil
        }
        return oldest
    }

    /// It showed a valid token.
    mutating func authenticate(_ index: ConnectionIndex) {
        strangers.remove(index)
        rest(index)
    }

    /// It carries a stream from now on.
    mutating func begin(_ index: ConnectionIndex) { idle.remove(index) }

    /// It carries none any more.
    mutating func rest(_ index: ConnectionIndex) {
        idle.remove(index)
        idle.add(index)
    }

    /// It closes, or is another reactor's from now on.
    mutating func leave(_ index: ConnectionIndex) {
        strangers.remove(index)
        idle.remove(index)
        ending += 1
    }

    /// Its record is gone, and its place is given back.
    mutating func left() {
        ending -= 1
        release()
    }

    /// Strangers beyond a sixteenth of the places, then who is idle, then strangers. The last that
    /// came is about to show its token.
    var givesWay: ConnectionIndex? {
        if strangers.count > max(1, count / 16) { return strangers.oldest }
        return idle.oldest ?? (strangers.count > 1 ? strangers.oldest : nil)
    }
}
