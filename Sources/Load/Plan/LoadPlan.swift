import Client
import System
import ToolSupport
import Wire

/// What one run of the generator is asked to do. The same value goes to every host that takes part.
public struct LoadPlan: Codable, Sendable, Equatable {
    public enum Mode: String, Codable, Sendable, CaseIterable { case put, get, mixed, meta, ping }
    public enum Durability: String, Codable, Sendable, CaseIterable {
        case received, written, durable

        package var level: Level {
            switch self {
            case .received: .received
            case .written: .written
            case .durable: .durable
            }
        }

        /// What CLOSE waits for.
        package var close: CloseDurability {
            switch self {
            case .received: .none
            case .written: .written
            case .durable: .durable
            }
        }
    }

    public var mode: Mode
    /// `HOST:PORT`, or `nil` with a chain.
    public var namenode: String?
    /// `HOST:PORT` of each node of one chain, head first: no namenode then.
    public var chain: [String] = []
    /// Holds the secret of the chain's nodes; each host reads its own.
    public var secretFile: String?

    /// Bytes of an object; `nil` where the objects say.
    public var size: UInt64?
    /// The longest block; `nil` for what the namenode plans.
    public var block: UInt64?
    /// Payload bytes of one frame.
    public var packet = 512 << 10
    /// Objects, or for `meta` connections, at work at once on each host.
    public var streams = 1
    /// Frames, or of objects of one frame and of calls, operations in flight in each stream.
    public var depth = 16
    /// 0 for the namenode's default.
    public var replicas = 0
    public var durability = Durability.durable
    public var milliseconds: Int64?
    /// Operations of a run without a duration; else how many keys they go around.
    public var count: UInt64?
    /// Operations that begin each second, whether the ones before are done or not.
    public var rate: Double?
    public var verify = true
    public var seed: UInt64 = 1
    public var warmupMilliseconds: Int64 = 0
    public var threads = 1
    /// Of 100 operations of `mixed`, how many are gets.
    public var getPercent = 50
    public var cleanup = false
    public var label = ""
    public var location = ""

    /// This host's place among `hosts`.
    public var host = 0
    public var hosts = 1

    public init(_ mode: Mode) { self.mode = mode }
}

extension LoadPlan {
    /// Hosts that one coordinator asks.
    public static let mostHosts = Bounds.hosts

    /// Every bound of one run.
    package enum Bounds {
        /// Streams of one thread: what a ring's completion queue can answer for.
        package static let lanes = 10_240
        package static let depth = 4_096
        package static let threads = 64
        package static let hosts = 256
        package static let controls = 1_024
        /// Memory for payload of one thread.
        package static let bufferBytes = 64 << 20
        package static let objectBytes: UInt64 = 1 << 44
        /// As many blocks as a namenode lets a value have.
        package static let blocksPerObject: UInt64 = 10_000
        package static let rate = 10_000_000.0
        package static let milliseconds: Int64 = 7 * 86_400_000
    }

    /// An object of one frame.
    package var isSmall: Bool { mode != .ping && (size ?? .max) <= UInt64(packet) }

    /// Operations in flight on one host.
    package var lanes: Int {
        switch mode {
        case .put, .get, .mixed: isSmall ? streams * depth : streams
        case .meta: streams * depth
        case .ping: streams
        }
    }

    package var lanesPerThread: Int { (lanes + threads - 1) / threads }

    /// The longest a block may be by what is known before a namenode was asked.
    package var blockBound: UInt64 { block ?? UInt64(Limits.defaultBlockBytes) }

    /// Refuses what cannot be done, with the bound that it breaks.
    public func check() throws(ToolFailure) {
        try demand((1...Limits.payloadBytes).contains(packet), "--packet is from 1 to 1MiB")
        try demand(
            (1...Bounds.depth).contains(depth), "--depth is from 1 to \(Bounds.depth)")
        try demand(
            (1...Bounds.threads).contains(threads), "--threads is from 1 to \(Bounds.threads)")
        try demand(streams >= threads, "--streams is at least --threads")
        try demand(
            streams <= Bounds.lanes * threads && lanesPerThread <= Bounds.lanes,
            "one thread takes \(Bounds.lanes) operations in flight, not \(lanesPerThread): "
                + "lower --streams or --depth, or raise --threads")
        try demand(
            (0...Limits.chainNodes.upperBound).contains(replicas), "--replicas is from 1 to 5")
        try demand((0...100).contains(getPercent), "--get-percent is from 0 to 100")
        try demand((count ?? 1) > 0, "--count is at least 1")
        // Two operations at once on one key would be two writers of it. Each thread goes around
        // keys of its own.
        let inFlight = lanesPerThread * threads * hosts
        try demand(
            milliseconds == nil || (count ?? .max) >= inFlight,
            "with --duration, --count is at least the operations in flight, \(inFlight)")
        if let rate {
            try demand(rate > 0 && rate <= Bounds.rate, "--rate is over 0 and at most 10 million")
        }
        if let milliseconds {
            try demand(
                (1...Bounds.milliseconds).contains(milliseconds),
                "--duration is from 1ms to 7 days")
        }
        try demand(
            (0...Bounds.milliseconds).contains(warmupMilliseconds), "--warmup is at most 7 days")
        try demand(
            !cleanup || (mode != .get && mode != .ping),
            "--cleanup goes with put, mixed and meta: \(mode.rawValue) leaves nothing behind")
        try demand((1...Bounds.hosts).contains(hosts), "at most \(Bounds.hosts) hosts take part")
        try checkSizes()
        try checkPlaces()
    }

    private func checkSizes() throws(ToolFailure) {
        if let size {
            try demand(size >= 1 && size <= Bounds.objectBytes, "--size is from 1 to 16TiB")
            try demand(
                size.dividedUp(by: blockBound) <= Bounds.blocksPerObject,
                "an object has at most \(Bounds.blocksPerObject) blocks: raise --block")
        }
        guard let block else { return }
        let isInside = (UInt64(Limits.blockBytes.lowerBound)...UInt64(Limits.blockBytes.upperBound))
            .contains(block)
        try demand(isInside, "--block is from 64KiB to 1GiB")
    }

    private func checkPlaces() throws(ToolFailure) {
        if mode == .ping {
            try demand(streams == 1 && threads == 1, "ping has one stream")
        }
        guard !chain.isEmpty else {
            if namenode == nil {
                throw ToolFailure(
                    .configuration,
                    "no namenode is known: give --namenode HOST:PORT or set CATENA_NAMENODE, "
                        + "or give --chain")
            }
            return
        }
        try demand(mode != .meta, "meta measures a namenode: it cannot go with --chain")
        try demand(secretFile != nil, "--chain needs --secret-file, the one its nodes were given")
        try demand(
            Limits.chainNodes.contains(chain.count), "a chain has 1 to 5 nodes")
        try demand(!cleanup, "a chain without a namenode cannot delete: leave --cleanup out")
        try demand(mode == .ping || size != nil, "--chain needs --size")
        try demand(
            mode == .get || count == nil || milliseconds == nil,
            "a chain without a namenode takes each object once: with --chain give --count or "
                + "--duration, not both")
    }

    private func demand(_ holds: Bool, _ sentence: String) throws(ToolFailure) {
        if !holds { throw ToolFailure(.usage, sentence) }
    }
}

extension UInt64 {
    /// How many `part`s cover it.
    package func dividedUp(by part: UInt64) -> UInt64 { self / part + (self % part == 0 ? 0 : 1) }
}

/// What an object is called: as a key of a namespace, or as the blocks of a cluster without one.
package struct ObjectNames: Sendable {
    package let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    package func key(_ object: UInt64) -> String { "catena-load/\(seed)/\(object)" }

    /// Keys that `meta` creates, and the small ones it opens.
    package func metaKey(_ object: UInt64) -> String { "catena-load/\(seed)/meta/\(object)" }
    package func openKey(_ object: UInt64) -> String { "catena-load/\(seed)/open/\(object)" }

    /// A block of a cluster without a namenode: found again from seed, object and its place.
    package func block(_ object: UInt64, place: UInt64) -> BlockID {
        var random = Seeded(seed)
        random = Seeded(random.next() ^ object)
        random = Seeded(random.next() ^ place)
        // 0 is nobody's.
        return BlockID(random.next() | 1)
    }
}
