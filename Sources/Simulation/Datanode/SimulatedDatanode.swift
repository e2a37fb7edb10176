import DataPath
import Foundation
import Reactor
import System
import Wire

/// A datanode's process: the real start and reactors on simulated rings and disks, and its agent.
/// Its disks outlive it.
final class SimulatedDatanode: SimulationParticipant {
    let name: String
    let number: Int
    let identity: Identity
    let host: String
    private unowned let cluster: SimulatedCluster
    let settings: DatanodeSettings
    private let share: Int
    /// Its directories. The records have a disk beside the blocks', which the faults of one that
    /// damages blocks do not touch.
    let devices: [DeviceFolders<SimulatedFolder>]
    private(set) var reactors: [SimulatedReactor] = []
    private(set) var agent: SimulatedAgent?
    /// Who answers at this node's address while it is down.
    private var impostor: Impostor?
    private(set) var log = ReportLog(reactors: 1)
    private(set) var startedAt: UInt64 = 0
    private var nextReport: UInt64 = 0

    init(_ cluster: SimulatedCluster, number: Int, reactors: Int, devices: Int) {
        self.cluster = cluster
        self.number = number
        name = "datanode\(number)"
        host = "10.0.0.\(number + 1)"
        var settings = cluster.plan.datanodeSettings
        settings.remembersDeleted = cluster.plant != .forgottenDeletions
        self.settings = settings
        share = reactors
        identity = Identity(
            cluster: cluster.id, node: NodeID(using: &cluster.world.random))
        self.devices = Self.format(devices, of: name, identity, cluster.world)
    }

    /// Directories as an earlier start has left them.
    private static func format(
        _ count: Int, of node: String, _ identity: Identity, _ world: SimulatedWorld
    ) -> [DeviceFolders<SimulatedFolder>] {
        (0..<count).map { place in
            let id = DeviceID(using: &world.random)
            let records = SimulatedFolder(world, node: node, directory: "data\(place).records")
            let blocks = SimulatedFolder(world, node: node, directory: "data\(place)")
            Self.mustWork { () throws(StartFailure) in
                try DeviceIdentity(cluster: identity.cluster, node: identity.node, device: id)
                    .write(to: records)
            }
            return DeviceFolders(id, records: records, blocks: blocks)
        }
    }

    /// The disk of the records has no faults.
    private static func mustWork<Value>(_ body: () throws(StartFailure) -> Value) -> Value {
        do { return try body() } catch { preconditionFailure("\(error)") }
    }

    private var world: SimulatedWorld { cluster.world }
    var isUp: Bool { !reactors.isEmpty }
    var isVictim: Bool { cluster.plan.victim == number }
    /// Its disk may hold other bytes than those it took.
    var mayDamage: Bool { isVictim && cluster.plan.damagesBytes }
    /// Connections that moved from one reactor to another.
    var moves: Int { reactors.reduce(0) { $0 + Int($1.node.counters.connectionsMoved) } }
    /// Of the blocks.
    var disks: [SimulatedDisk] { devices.map(\.blocks.disk) }
    /// A device of the running process is out of service.
    var hasFailedDevice: Bool {
        reactors.contains { $0.node.devices.contains { $0.isFailed } }
    }

    // MARK: Life

    func start() {
        precondition(!isUp, "a datanode starts once")
        endImpostor()
        let scan = scan()
        cluster.oracle.started(self, scan)
        do throws(RingFailure) { try makeReactors(scan) } catch {
            preconditionFailure("a simulated ring has what it needs: \(error)")
        }
        startedAt = world.time
        nextReport = world.time
        agent = SimulatedAgent(cluster, self, log.outbox, scrubbed: scan.scrubbed)
    }

    private func scan() -> BlockScan {
        Self.mustWork { () throws(StartFailure) in
            try BlockScan(devices, cluster: identity.cluster)
        }
    }

    /// What every directory says of itself, as a start reads it.
    func records() -> DirectoryRecords<SimulatedFolder> {
        DirectoryRecords(
            devices.map { device in
                let found = Self.mustWork { () throws(StartFailure) in
                    try DeviceIdentity.find(
                        in: device.records, node: identity.node, origin: device.records.path)
                }
                precondition(found.device == device.id, "a directory keeps its device")
                return DirectoryRecords.Place(
                    device.records, found, origin: device.records.path)
            })
    }

    private func makeReactors(_ scan: BlockScan) throws(RingFailure) {
        guard let address = SocketAddress(host: host, port: 7500) else {
            preconditionFailure("a numeric address")
        }
        var first = world.makeRing(node: name)
        let listener = try first.listen(on: address, backlog: 1024)
        let directories = disks.map { first.openDirectory($0.name) }
        log = ReportLog(reactors: share, kept: scan.scrubbed.map(\.corrupt))
        log.returned = { [unowned cluster, name] block in
            cluster.oracle.returned(block, on: name)
        }
        try add(first, listener, directories, scan.index)
        for _ in 1..<share {
            try add(world.makeRing(node: name), listener, directories, scan.index)
        }
        if share > 1 {
            let doors = reactors.compactMap { $0.node.door }
            for reactor in reactors { reactor.node.join(doors) }
        }
        for (device, spares) in scan.spares.enumerated() { offer(spares, of: device) }
    }

    private func add(
        _ ring: consuming SimulatedRing, _ listener: (Descriptor, SocketAddress),
        _ directories: [Descriptor], _ index: BlockIndex
    ) throws(RingFailure) {
        let part = ReactorShare(number: reactors.count, of: share)
        let blocks = part.part(of: index, devices: devices.count)
        let places = devices.indices.map { place in
            Device(
                id: devices[place].id, path: disks[place].name, blocks: directories[place],
                isDirect: true, usedBytes: blocks.usedBytes[place],
                recycled: RecycledFiles(mostBytes: 1 << 20))
        }
        reactors.append(
            SimulatedReactor(
                try Datanode(
                    ring: FaultRing(ring, cluster.plan.ringFaults), listener: listener,
                    identity: identity, settings: settings,
                    devices: places, index: blocks.index, observer: log, share: part,
                    random: world.challenges(of: name))))
    }

    /// What each device has room for, as the agent sees it.
    var rooms: [DeviceRoom] {
        disks.enumerated().map { place, disk in
            DeviceRoom(
                capacity: UInt64(disk.capacity), free: UInt64(disk.capacity - disk.used),
                spareBytes: reactors.reduce(0) {
                    $0 + $1.node.devices[place].recycled.bytes
                })
        }
    }

    private func offer(_ spares: [RecycledFiles.File], of device: Int) {
        let owners = ReactorShare(number: 0, of: share)
        for (place, reactor) in reactors.enumerated() {
            let own = spares.filter { owners.owner(of: BlockID($0.number)) == place }
            if !own.isEmpty { post(.spares(device: device, own), to: reactor) }
        }
    }

    /// Somebody else listens where this datanode did.
    func giveUpAddress() {
        guard !isUp, impostor == nil, let address = SocketAddress(host: host, port: 7500) else {
            return
        }
        let leak: (KeyID) -> SigningKey? =
            cluster.plant == .leakedKeys
            ? { [unowned cluster] id in cluster.namenode.receiptKey(id) } : { _ in nil }
        do throws(RingFailure) {
            impostor = try Impostor(world, node: name, at: address, keys: leak)
        } catch {
            preconditionFailure("a dead datanode's address is free: \(error)")
        }
    }

    private func endImpostor() {
        guard impostor != nil else { return }
        world.kill(name)
        impostor = nil
    }

    /// Ends the process, or the whole host: then its disks lose or tear what was not synced.
    func end(power: Bool) {
        endImpostor()
        // Power also takes what a process that ended before had not synced.
        guard isUp || power else { return }
        if power { world.crash(name) } else { world.kill(name) }
        reactors = []
        agent?.die()
        agent = nil
    }

    // MARK: Mail

    func post(_ message: Mail) {
        if case .delete(let deletion) = message {
            return post(message, to: reactors[Int(deletion.block.number % UInt64(share))])
        }
        for reactor in reactors { post(message, to: reactor) }
    }

    private func post(_ message: Mail, to reactor: SimulatedReactor) {
        let answer = reactor.node.mail.post(message)
        precondition(answer == .taken, "a simulated reactor empties its mailbox every turn")
    }

    // MARK: What it knows

    func inspect(_ block: BlockID) -> BlockInspection? {
        guard isUp else { return nil }
        return reactors[Int(block.number % UInt64(share))].node.inspect(block)
    }

    func reported(_ block: BlockID) -> BlockRecord? { log.reported[block] }

    /// The blocks that it has said to have.
    var held: [(BlockID, BlockRecord)] {
        log.reported.filter { [.open, .sealed].contains($0.value.state) }
            .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    /// The running process has deleted it.
    func hasDeleted(_ block: BlockID) -> Bool { isUp && log.deleted[block] != nil }

    /// The disk that has a block's file.
    func disk(of block: BlockID) -> SimulatedDisk? {
        disks.first { $0.size(of: "\(block).blk") != nil }
    }

    // MARK: Time

    func turn() -> Bool {
        guard isUp else { return impostor?.turn() ?? false }
        var isBusy = false
        for reactor in reactors where reactor.node.turn(waitUntil: world.time) > 0 {
            isBusy = true
        }
        if isBusy { cluster.oracle.turned(self) }
        if world.time >= nextReport {
            nextReport = world.time + 1_000_000_000
            for reactor in reactors { reactor.node.tellObserver() }
        }
        if agent?.turn() == true { isBusy = true }
        return isBusy
    }

    var nextDeadline: UInt64? {
        guard isUp else { return nil }
        let timers = reactors.compactMap { $0.node.reactor.timers.nextDeadline }.min()
        return [timers, agent?.nextDeadline, nextReport].compactMap { $0 }.min()
    }
}

/// What a datanode reports: for its agent, and for checkers.
final class ReportLog: BlockObserver {
    let outbox: Outbox
    private(set) var reported: [BlockID: BlockRecord] = [:]
    /// Blocks that this process had and deleted, and whose they were.
    private(set) var deleted: [BlockID: NamespaceIncarnation] = [:]
    /// Blocks that were found corrupt, and why.
    private(set) var corrupt: [BlockID: String] = [:]
    private(set) var failedDevices: [Int] = []
    /// Called when one of them is there again.
    var returned: (BlockID) -> Void = { _ in }

    init(reactors: Int, kept: [[BlockID: Epoch]] = []) {
        outbox = Outbox(reactors: reactors, kept: kept)
    }

    func blockChanged(_ block: BlockID, _ record: BlockRecord) {
        switch (reported[block]?.state, record.state) {
        case (.open?, .gone), (.sealed?, .gone): deleted[block] = reported[block]?.incarnation
        case (_, .open), (_, .sealed):
            if deleted[block] == record.incarnation { returned(block) }
        default: break
        }
        reported[block] = record
        outbox.blockChanged(block, record)
    }

    func reportCompleted(_ report: UInt64) { outbox.reportCompleted(report) }
    func count(_ counters: DatanodeCounters) { outbox.count(counters) }
    func deviceFailed(_ device: Int, _ reason: String) {
        failedDevices.append(device)
        outbox.deviceFailed(device, reason)
    }
    func found(_ block: BlockID, _ record: BlockRecord, _ reason: String) {
        corrupt[block] = reason
        outbox.found(block, record, reason)
    }
    func spares(_ bytes: [UInt64], by share: ReactorShare) { outbox.spares(bytes, by: share) }
    func scrubbed(_ progress: [ScrubProgress], by share: ReactorShare) {
        outbox.scrubbed(progress, by: share)
    }
}

/// One reactor of a simulated datanode; a box, because a datanode is not copied.
package final class SimulatedReactor {
    package var node: Datanode<FaultRing<SimulatedRing>>

    package init(_ node: consuming Datanode<FaultRing<SimulatedRing>>) { self.node = node }
}
