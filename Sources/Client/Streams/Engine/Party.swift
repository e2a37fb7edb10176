import Reactor

/// Whom an engine's connections serve: a block being written, a range being read, or the calls to a
/// namenode.
enum Party: Equatable, BitwiseCopyable {
    case write(WriteIndex)
    case read(ReadIndex)
    case control(ControlIndex)
}

/// All parties of an engine in one row: the writes, the reads, then the connections to a namenode.
/// Whatever there is one of for each party stands in this order.
struct PartyPlaces: BitwiseCopyable {
    private let writes: Int
    private let reads: Int
    let count: Int

    init(_ settings: EngineSettings) {
        writes = settings.writes
        reads = settings.reads
        count = settings.writes + settings.reads + settings.controls
    }

    @inline(__always)
    func place(of party: Party) -> Int {
        switch party {
        case .write(let write): write.place
        case .read(let read): writes + read.place
        case .control(let link): writes + reads + link.place
        }
    }

    @inline(__always)
    func party(at place: Int) -> Party {
        if place < writes { return .write(WriteIndex(place)) }
        if place < writes + reads { return .read(ReadIndex(place - writes)) }
        return .control(ControlIndex(place - writes - reads))
    }
}

/// The parties with something to tell the engine's owner, each at most once, in the order in which
/// it came up. What it is lies with them: so news is bounded by their number, and coalesces.
struct News: ~Copyable {
    private let places: PartyPlaces
    private var tellers: WaitList

    init(_ places: PartyPlaces) {
        self.places = places
        tellers = WaitList(places: places.count)
    }

    var isEmpty: Bool {
        @inline(__always) get { tellers.isEmpty }
    }

    @inline(__always)
    mutating func add(_ party: Party) { tellers.add(places.place(of: party)) }

    @inline(__always)
    mutating func popFirst() -> Party? { tellers.popFirst().map { places.party(at: $0) } }

    /// Its owner has yet to ask it: its place must not become somebody else's.
    @inline(__always)
    func contains(_ party: Party) -> Bool { tellers.contains(places.place(of: party)) }
}
