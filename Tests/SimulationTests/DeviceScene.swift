import Client
import Reactor
import System
import Testing
import Wire

@testable import DataPath

/// One node with two devices on a simulated ring, and writers that talk to it alone.
final class DeviceScene {
    final class Log: BlockObserver {
        var states: [BlockID: BlockRecord.State] = [:]
        var failed: [Int] = []
        var corrupt: [BlockID: String] = [:]
        func blockChanged(_ block: BlockID, _ record: BlockRecord) { states[block] = record.state }
        func reportCompleted(_ report: UInt64) {}
        func count(_ counters: DatanodeCounters) {}
        func deviceFailed(_ device: Int, _ reason: String) { failed.append(device) }
        func found(_ block: BlockID, _ record: BlockRecord, _ reason: String) {
            corrupt[block] = reason
        }
    }

    final class Node: SimulationParticipant {
        var datanode: Datanode<FaultRing<SimulatedRing>>
        init(_ datanode: consuming Datanode<FaultRing<SimulatedRing>>) { self.datanode = datanode }
        func turn() -> Bool { datanode.turn(waitUntil: datanode.reactor.now) > 0 }
        var nextDeadline: UInt64? { datanode.reactor.timers.nextDeadline }
    }

    let world: SimulatedWorld
    let log = Log()
    let node: Node
    private let cluster = ClusterID(high: 7, low: 1)
    private let identity = NodeID(high: 1, low: 1)
    private let key: SigningKey
    static let length: UInt64 = 200_000

    /// - Parameters:
    ///   - old: sealed blocks that the node has, every third on the second device, so that the
    ///     first has room for the next one.
    ///   - faults: of the node's ring.
    ///   - remembersDeleted: `false`: a node with a bug, for which a deleted block never was.
    ///   - socketBytes: what a socket holds.
    ///   - limit: changes the node's bounds.
    init(
        old: Int = 0, faults: [RingFault] = [], remembersDeleted: Bool = true,
        socketBytes: Int? = nil, limit: (inout Budget) -> Void = { _ in }
    ) throws {
        var settings = SimulationSettings()
        if let socketBytes { settings.socketBytes = socketBytes }
        // Half of a page may be moved.
        settings.directAlignment = 512
        world = SimulatedWorld(seed: 7, faults: SimulationFaults(), settings: settings)
        var ring = world.makeRing(node: "node")
        let address = try #require(SocketAddress(host: "10.0.0.1", port: 7500))
        let devices = ["data", "more"].enumerated().map { place, path in
            Device(
                id: DeviceID(high: 1, low: UInt64(place)), path: path,
                blocks: ring.openDirectory(path), isDirect: true, usedBytes: UInt64(place))
        }
        var index = BlockIndex()
        for number in 0..<old {
            index.set(
                BlockID(UInt64(number + 1)),
                BlockRecord(
                    epoch: Epoch(1), length: 1, checksum: 0, state: .sealed,
                    device: number % 3 == 2 ? 1 : 0))
        }
        var random = world.random
        var limits = ChainSimulation.settings(&random)
        limits.budget.framesPerStream = 8
        limits.remembersDeleted = remembersDeleted
        limit(&limits.budget)
        let listener = try ring.listen(on: address, backlog: 16)
        let datanode = try Datanode(
            ring: FaultRing(ring, faults), listener: listener,
            identity: Identity(cluster: cluster, node: identity), settings: limits,
            devices: devices, index: index, observer: log)
        key = try #require(
            SigningKey(
                id: KeyID(counter: 1, random: 2), secret: Array(repeating: 7, count: 32), made: 0))
        let answer = datanode.mail.post(.keys(KeyRing([key], current: key.id)))
        #expect(answer == .taken)
        node = Node(datanode)
    }

    private func token(_ block: UInt64, _ modes: Token.Modes) throws -> (Token, Chain) {
        let chain = try #require(
            Chain([ChainNode(node: identity, host: "10.0.0.1", port: 7500)]))
        let token = Token(
            modes: modes, issued: 0, key: key.id, cluster: cluster, block: BlockID(block),
            epoch: Epoch(1), lease: LeaseID(high: 1, low: block), chainHash: chain.hash,
            maxLength: Self.length, duration: 3_600_000)
        return (token, chain)
    }

    func writer(_ block: UInt64, flushEvery: UInt64? = nil) throws -> SimulatedWriter {
        let (token, chain) = try token(block, .write)
        return try SimulatedWriter(
            world: world, token: token, key: key, chain: chain, length: Self.length,
            packetBytes: 20_000, level: .durable, resumesAllowed: 0,
            flushEvery: flushEvery)
    }

    /// Reads all of a block that a writer has sealed.
    func reader(_ block: UInt64, isStalled: Bool = false) throws -> SimulatedReader {
        let (token, chain) = try token(block, .read)
        let signed = token.signed(with: key)
        let address = try #require(SocketAddress(host: "10.0.0.1", port: 7500))
        let request = ReadRequest(
            assembly: ReadAssembly(
                block: token.block, epoch: token.epoch, blockLength: Self.length,
                range: 0..<Self.length),
            opening: StreamOpening(
                Credentials(token: signed, chain: chain), key: key.streamKey(of: signed)),
            address: address)
        return try SimulatedReader(world, request, isStalled: isStalled)
    }

    /// Lets a writer come to its end and its connections to theirs.
    func run(_ writer: SimulatedWriter) {
        let driver = SimulationDriver(world)
        driver.add(node)
        driver.add(writer)
        let end = driver.run(for: 60_000_000_000, rounds: 100_000) { writer.isOver }
        #expect(end == .done)
        writer.stop()
        _ = driver.run(for: 60_000_000_000, rounds: 100_000)
    }

    func disk(_ directory: String) -> SimulatedDisk {
        world.disk(of: "node", directory: directory)
    }
}
