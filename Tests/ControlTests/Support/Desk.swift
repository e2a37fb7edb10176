import Control
import Foundation
import System
import Testing
import Wire

/// The namenode under virtual time: the machine, its store, and callers that know what to send.
/// Every request has its commit.
struct Desk {
    static let secret = [UInt8](repeating: 7, count: 32)
    static let challenge = [UInt8](repeating: 9, count: 16)
    static let cluster = ClusterID(high: 0xC1, low: 1)

    private let memory = MemoryEngine()
    var engine: Engine
    var now: Int64 = 1_000_000
    /// How wrong the wall clock is.
    var wallClockError: Int64 = 0
    var nodes: [FakeNode] = []
    var notices: [Notice] = []
    private var requests: UInt64 = 0

    /// - Parameter nodes: datanodes that are registered and have reported that they hold nothing.
    init(
        nodes count: UInt64 = 3, seed: UInt64 = 1, map: LocationMap = LocationMap(),
        _ edit: (inout NamenodeSettings) -> Void = { _ in }
    ) throws {
        var settings = NamenodeSettings()
        settings.deleteGraceMs = 0
        edit(&settings)
        engine = Engine(
            namenode: Namenode(
                cluster: Self.cluster, secret: Self.secret, settings: settings, locations: map,
                now: now, generator: Seeded(seed)),
            store: try memory.store(now: now))
        nodes = (0..<count).map { FakeNode($0 + 1) }
        try cameBack()
    }

    /// Another process on the same namespace, which nobody has registered with.
    mutating func restartNamenode() throws {
        engine = Engine(
            namenode: Namenode(
                cluster: Self.cluster, secret: Self.secret, settings: engine.namenode.settings,
                locations: LocationMap(), now: now, generator: Seeded(99)),
            store: try memory.store(now: now))
    }

    /// The namenode is started anew over what its store has; answers what an OPEN hears first.
    mutating func restarted() throws -> ControlReply {
        try restartNamenode()
        notices += try engine.start(at: Moment(now: now))
        commit()
        return try open("a")
    }

    static func client(_ number: UInt64) -> ClientID { ClientID(high: 0xC11, low: number) }

    mutating func send(
        _ operation: ControlRequest.OneOf_Operation, client: UInt64 = 1, id: UInt64? = nil,
        role: ControlRole = .client, address: PeerAddress = .none
    ) throws -> ControlReply {
        requests += 1
        var request = ControlRequest()
        request.clientID = Data(Self.client(client).bytes)
        request.requestID = id ?? requests + 1_000_000
        request.operation = operation
        let caller = Caller(role: role, challenge: Self.challenge, peer: "test", address: address)
        let answer = try engine.handle(
            request, from: caller, at: Moment(now: now, unixMs: now + 5_000_000 + wallClockError))
        notices += answer.notices
        #expect(answer.reply.requestID == request.requestID)
        commit()
        return answer.reply
    }

    mutating func tick() throws {
        notices += try engine.tick(at: Moment(now: now))
        commit()
    }

    private mutating func commit() {
        guard engine.isDirty else { return }
        let time = UInt64(now) * 1_000_000
        engine.commit(at: time) { _ in }
        engine.committed(at: time)
    }

    // MARK: Datanodes

    @discardableResult
    mutating func register(
        _ index: Int, _ edit: (inout ControlRegister) -> Void = { _ in }
    ) throws -> ControlReply {
        var message = nodes[index].register(challenge: Self.challenge, secret: Self.secret)
        edit(&message)
        let reply = try send(.register(message), role: .datanode)
        if reply.code == .ok {
            nodes[index].session = reply.register.session
            nodes[index].sequence = 0
            nodes[index].accept(
                reply.register.keys, current: reply.register.currentKey, now: now)
        }
        return reply
    }

    /// Every datanode registers again and names all that it holds: nothing.
    mutating func cameBack() throws {
        for index in nodes.indices {
            try register(index)
            try heartbeat(index, complete: true)
        }
    }

    @discardableResult
    mutating func heartbeat(
        _ index: Int, _ blocks: [ControlBlockState] = [], complete: Bool = false
    ) throws -> ControlReply {
        nodes[index].sequence += 1
        return try beat(index, blocks, complete: complete)
    }

    /// A heartbeat with the sequence the last one had.
    @discardableResult
    mutating func beat(
        _ index: Int, _ blocks: [ControlBlockState] = [], complete: Bool = false
    ) throws -> ControlReply {
        var message = nodes[index].heartbeat(challenge: Self.challenge, secret: Self.secret)
        message.blocks = blocks
        message.reportComplete = complete
        let reply = try send(.heartbeat(message), role: .datanode)
        if reply.code == .ok {
            nodes[index].accept(
                reply.heartbeat.keys, current: reply.heartbeat.currentKey, now: now)
        }
        return reply
    }

    /// Time passes, heartbeats and ticks with it.
    mutating func pass(_ milliseconds: Int64, beating: [Int]? = nil) throws {
        let end = now + milliseconds
        while now < end {
            now = min(end, now + 500)
            for index in beating ?? Array(nodes.indices) { try heartbeat(index) }
            try tick()
        }
    }

    /// Changes the namespace behind the machine's back.
    mutating func edit(_ mutations: [Mutation]) throws {
        try Scratch.commit(engine.store, mutations)
    }

    // MARK: Clients

    mutating func create(
        _ key: String, overwrite: Bool = false, client: UInt64 = 1, id: UInt64? = nil,
        address: PeerAddress = .none
    ) throws -> ControlReply {
        var message = ControlCreate()
        message.key = key
        message.overwrite = overwrite
        return try send(.create(message), client: client, id: id, address: address)
    }

    mutating func addBlock(
        _ lease: Data, client: UInt64 = 1, id: UInt64? = nil,
        _ edit: (inout ControlAddBlock) -> Void = { _ in }
    ) throws -> ControlReply {
        var message = ControlAddBlock()
        message.leaseID = lease
        edit(&message)
        return try send(.addBlock(message), client: client, id: id)
    }

    mutating func close(
        _ lease: Data, _ receipts: [ControlReceipt],
        _ durability: ControlClose.Durability = .durable,
        client: UInt64 = 1, id: UInt64? = nil
    ) throws -> ControlReply {
        var message = ControlClose()
        message.leaseID = lease
        message.blocks = receipts
        message.durability = durability
        return try send(.close(message), client: client, id: id)
    }

    func receipt(
        _ plan: ControlBlockPlan, length: UInt64, level: Level = .durable
    ) throws -> ControlReceipt {
        let head = try #require(plan.chain.first)
        let node = try #require(nodes.first { Data($0.id.bytes) == head.nodeID })
        return node.receipt(plan, length: length, level: level, cluster: Self.cluster)
    }

    /// Writes a whole key; answers its blocks' plans.
    @discardableResult
    mutating func put(
        _ key: String, blocks lengths: [UInt64] = [100], overwrite: Bool = false,
        client: UInt64 = 1
    ) throws -> [ControlBlockPlan] {
        let lease = try create(key, overwrite: overwrite, client: client)
        try #require(lease.code == .ok, "\(lease.message)")
        var plans: [ControlBlockPlan] = []
        for _ in lengths {
            let plan = try addBlock(lease.create.leaseID, client: client)
            try #require(plan.code == .ok, "\(plan.message)")
            plans.append(plan.addBlock)
        }
        let receipts = try zip(plans, lengths).map { try receipt($0, length: $1) }
        let closed = try close(lease.create.leaseID, receipts, client: client)
        try #require(closed.code == .ok, "\(closed.message)")
        return plans
    }

    mutating func open(
        _ key: String, offset: UInt64 = 0, length: UInt64 = 0, location: String = ""
    ) throws -> ControlReply {
        var message = ControlOpen()
        message.key = key
        message.offset = offset
        message.length = length
        message.location = location
        return try send(.open(message))
    }

    mutating func info(_ key: String) throws -> ControlReply {
        var message = ControlInfo()
        message.key = key
        return try send(.info(message))
    }

    mutating func delete(
        _ key: String, id: UInt64? = nil, client: UInt64 = 1
    ) throws -> ControlReply {
        var message = ControlDelete()
        message.key = key
        return try send(.delete(message), client: client, id: id)
    }

    mutating func rename(
        _ from: String, _ to: String, overwrite: Bool = false
    ) throws -> ControlReply {
        var message = ControlRename()
        message.from = from
        message.to = to
        message.overwrite = overwrite
        return try send(.rename(message))
    }

    mutating func list(
        prefix: String = "", after: String = "", limit: UInt32 = 0, delimiter: String = ""
    ) throws -> ControlListReply {
        var message = ControlList()
        message.prefix = prefix
        message.startAfter = after
        message.limit = limit
        message.delimiter = delimiter
        let reply = try send(.list(message))
        #expect(reply.code == .ok)
        return reply.list
    }

    mutating func status() throws -> ControlClusterStatusReply {
        try send(.clusterStatus(ControlClusterStatus())).clusterStatus
    }
}
