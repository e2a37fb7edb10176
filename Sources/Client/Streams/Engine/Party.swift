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
    private let writes: Int32
    private let reads: Int32
    let count: Int

    init(_ settings: EngineSettings) {
        writes = Int32(settings.writes)
        reads = Int32(settings.reads)
        count = settings.writes + settings.reads + settings.controls
    }

    @inline(__always)
    func place(of party: Party) -> Int32 {
        switch party {
        case .write(let write): write
        case .read(let read): writes + read
        case .control(let link): writes + reads + link
        }
    }

    @inline(__always)
    func party(at place: Int32) -> Party {
        if place < writes { return .write(place) }
        if place < writes + reads { return .read(place - writes) }
        return .control(place - writes - reads)
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
