import Client
import ControlClient
import FoundationEssentials
import Reactor
import System
import ToolSupport
import Wire

/// One thread's share of a load: lanes of operations over one stream engine.
///
/// Everything here is used on that thread alone. A turn is: begin what is due, take the engine's
/// events, let the ring wait.
package struct Worker: ~Copyable {
    var engine: StreamEngine<KernelRing>
    let plan: LoadPlan
    /// Its place among all workers of all hosts, and how many they are.
    let place: Int
    let places: Int
    let names: ObjectNames
    let pattern: PayloadPattern
    let chain: BenchChain?
    let namenode: NamenodeAddress?
    let live: LiveCounts

    var links: [Link] = []
    var lanes: [Lane]
    /// Lanes without an operation.
    var idle: [Int]
    var writeLane: [Int]
    var readLane: [Int]
    var notes: [CallNote]
    var sleepers: [Sleeper] = []
    /// When each lane's machine has something to do by itself.
    var wakes: [UInt64]
    var nextWake = UInt64.max
    /// The answer that `callAndWait` waits for.
    var awaited: Result<ControlReply, LoadFailure>?
    /// When connections are looked at next.
    var sweepAt: UInt64 = 0

    var phase = Phase(task: .put)
    var schedule = Schedule(worker: 0, of: 1, keys: 0, rate: nil, start: 0, end: nil)
    var tally = OperationTally()
    /// Payload bytes that were filled or delivered, for the live line.
    var moved: UInt64 = 0
    var now: UInt64 = 0
    var random: Seeded
    /// One past the highest object that this worker has put, and what `mixed` may get.
    var putEnd: [Phase.Task: UInt64] = [:]
    var gettable: [UInt64] = []
    var ping = PingState()
    /// Objects being put, where operations go around a number of them.
    var reserved: Set<UInt64> = []

    /// Objects that `mixed` remembers.
    static let mostGettable = 4_096

    /// One connection to the namenode.
    struct Link {
        var id: ControlID?
        var isOpen = false
        var retryAt: UInt64 = 0
        var failure: ControlFailure?
    }

    /// Where the namenode is: which of its name's addresses answers is found out once.
    package struct NamenodeAddress: Sendable {
        let endpoint: Endpoint
        let address: SocketAddress
        private static let dialMilliseconds: Int64 = 5_000

        package init(_ text: String) throws(ToolFailure) {
            guard let endpoint = Endpoint(text) else {
                throw ToolFailure(.usage, "the namenode is HOST:PORT, not '\(text)'")
            }
            do throws(ControlFailure) {
                address = try SocketAddress(
                    answering: endpoint, before: Deadline(after: Self.dialMilliseconds))
            } catch {
                throw ToolFailure(error.kind, error.description)
            }
            self.endpoint = endpoint
        }
    }

    /// - Throws: `RingFailure` when the kernel's ring is not to be had.
    package init(
        _ plan: LoadPlan, thread: Int, namenode: NamenodeAddress?, chain: BenchChain?,
        live: LiveCounts
    ) throws(RingFailure) {
        let lanes = plan.lanesPerThread
        let settings = EngineSettings(plan)
        var ring = KernelRing.Settings()
        ring.completions = UInt32(min(65_536, max(1_024, 2 * settings.operations)))
        ring.files = 1
        engine = try StreamEngine(ring: KernelRing(ring), settings: settings)
        self.plan = plan
        place = plan.host * plan.threads + thread
        places = plan.hosts * plan.threads
        names = ObjectNames(seed: plan.seed)
        pattern = PayloadPattern(seed: plan.seed)
        self.chain = chain
        self.namenode = namenode
        self.live = live
        self.lanes = [Lane](repeating: Lane(), count: lanes)
        wakes = [UInt64](repeating: .max, count: lanes)
        idle = Array((0..<lanes).reversed())
        writeLane = [Int](repeating: -1, count: settings.writes)
        readLane = [Int](repeating: -1, count: settings.reads)
        notes = [CallNote](repeating: CallNote(), count: settings.calls)
        random = Seeded(plan.seed ^ UInt64(place) << 32)
        if namenode != nil { links = [Link](repeating: Link(), count: settings.controls) }
    }

    /// Connects to the namenode.
    package mutating func connect() throws(LoadFailure) {
        for index in links.indices { dial(index) }
        while true {
            while let event = engine.nextEvent() { handle(event) }
            if links.allSatisfy(\.isOpen) { return }
            if let failure = links.lazy.compactMap(\.failure).first { throw LoadFailure(failure) }
            engine.turn(waitUntil: engine.now + 1_000_000_000)
        }
    }

    /// Ends every stream and lets the kernel go.
    package mutating func shutDown() { engine.shutDown() }

    /// Runs one phase to its end.
    package mutating func run(_ phase: Phase, start: UInt64) -> OperationTally {
        begin(phase, start)
        if phase.task == .ping {
            runPings()
        } else {
            runLanes()
        }
        // What was due by now; an interrupted run ends before its end.
        while let intended = schedule.nextMissed(), intended < engine.now {
            tally.missed += 1
            tally.latencies.record(engine.now - min(engine.now, intended))
        }
        live.store(tally, moved: moved)
        return tally
    }

    private mutating func begin(_ phase: Phase, _ start: UInt64) {
        self.phase = phase
        tally = OperationTally()
        moved = 0
        let end = phase.milliseconds.map { start + UInt64($0) * 1_000_000 }
        var keys = phase.keys
        if phase.task == .remove { keys = putEnd[.put] ?? putEnd[.create] ?? 0 }
        let isOfAll = phase.task == .putSmall || phase.task == .removeSmall
        if isOfAll {
            // Every worker opens the same ones, and one puts them.
            keys = place == 0 ? phase.keys : 0
        }
        schedule = Schedule(
            worker: isOfAll ? 0 : place, of: isOfAll ? 1 : places, keys: keys, rate: phase.rate,
            start: start, end: end)
    }

    private mutating func runLanes() {
        while true {
            now = engine.now
            let wake = beginDue()
            guard wake != nil || idle.count < lanes.count else { return }
            while let event = engine.nextEvent() { handle(event) }
            now = engine.now
            let due = beginDue() ?? .max
            let next = min(due, wakeSleepers())
            // When no lane works, what one of them would have woken for is of no matter.
            guard due != .max || idle.count < lanes.count else { continue }
            live.store(tally, moved: moved)
            sweep()
            // Sleepers and connections are looked at now and then, whatever the streams do.
            engine.turn(waitUntil: min(next, now + 1_000_000_000))
        }
    }

    /// Gives idle lanes what is due.
    /// - Returns: when more is due, 0 when that waits for a lane, `nil` when there is nothing more.
    private mutating func beginDue() -> UInt64? {
        guard !live.isCancelled else { return nil }
        while let lane = idle.last {
            switch schedule.next(now: now) {
            case .finished: return nil
            case .wait(let time): return time
            case .start(let key, let intended):
                idle.removeLast()
                begin(lane, object: reserve(key), intended: intended)
            }
        }
        return .max
    }

    /// A key has one writer at a time: one that is being put still is left out.
    private mutating func reserve(_ key: UInt64) -> UInt64 {
        guard goesAround else { return key }
        var key = key
        for _ in lanes.indices where reserved.contains(key) { key = schedule.another() }
        reserved.insert(key)
        return key
    }

    private var goesAround: Bool {
        phase.keys != nil && phase.milliseconds != nil
            && (phase.task == .put || phase.task == .mixed)
    }

    private mutating func begin(_ lane: Int, object: UInt64, intended: UInt64) {
        let generation = lanes[lane].generation &+ 1
        lanes[lane] = Lane()
        lanes[lane].generation = generation
        lanes[lane].object = objectBase + object
        lanes[lane].reserved = goesAround ? object : nil
        lanes[lane].intended = intended
        switch phase.task {
        case .put: beginPut(lane, bytes: plan.size ?? LoadPlan.defaultBytes)
        case .putSmall: beginPut(lane, bytes: Phase.openBytes)
        case .get: beginGet(lane)
        case .mixed: beginEither(lane)
        case .create: beginCycle(lane)
        case .open: beginOpen(lane)
        case .remove, .removeSmall: beginRemove(lane)
        case .ping: preconditionFailure("pings have no lanes")
        }
    }

    private mutating func beginEither(_ lane: Int) {
        let wantsGet = random.next() % 100 < UInt64(plan.getPercent)
        guard wantsGet, !gettable.isEmpty else {
            return beginPut(lane, bytes: plan.size ?? LoadPlan.defaultBytes)
        }
        lanes[lane].object = gettable[Int(random.next() % UInt64(gettable.count))]
        beginGet(lane)
    }

    /// A chain without a namenode takes a block once: what is put before the measurement has
    /// numbers of its own.
    var objectBase: UInt64 {
        guard chain != nil, !phase.isMeasured, phase.task != .get else { return 0 }
        return 1 << 62
    }

    /// The key of a lane's object.
    func key(_ lane: Int) -> String {
        switch phase.task {
        case .create: names.metaKey(lanes[lane].object)
        case .open, .putSmall, .removeSmall: names.openKey(lanes[lane].object % Phase.openKeys)
        case .remove where plan.mode == .meta: names.metaKey(lanes[lane].object)
        default: names.key(lanes[lane].object)
        }
    }
}

extension LoadPlan {
    /// Of an object when nobody says.
    package static let defaultBytes: UInt64 = 64 << 20
}
