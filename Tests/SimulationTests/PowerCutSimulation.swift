import Reactor
import Wire

@testable import DataPath

/// One seeded run: a writer asks for flushes in the middle of its block, the power of all nodes
/// fails at a drawn moment, and what their disks kept is judged as a restarted node would.
struct PowerCutSimulation {
    struct Result {
        /// What was acked as durable before the cut.
        let acked: UInt64
        let isSealedDurably: Bool
        /// Copies that kept more than was acked, and that were found sealed.
        var keptMore = 0
        var sealed = 0
        var breach: String?
        let steps: Int
    }

    let seed: UInt64

    func run() throws -> Result {
        let world = SimulatedWorld(seed: seed, faults: SimulationFaults())
        let cluster = ClusterID(high: seed, low: 1)
        guard
            let key = SigningKey(
                id: KeyID(counter: 1, random: 2), secret: Array(repeating: 7, count: 32), made: 0)
        else { preconditionFailure("a key of 32 bytes") }
        let length = UInt64([4095, 20_000, 65_537, 200_000, 400_123][world.random.below(5)])
        let members = try (0..<3).map { index in
            let name = "node\(index)"
            let spare = world.random.below(2) == 0 ? nil : putSpare(world, name, cluster, length)
            return try SimulatedNode(
                name, host: "10.0.0.\(index + 1)", world: world, cluster: cluster,
                settings: ChainSimulation.settings(&world.random),
                keys: KeyRing([key], current: key.id), spare: spare)
        }
        guard let chain = Chain(members.map(\.chainNode)) else {
            preconditionFailure("three nodes")
        }
        let token = Token(
            modes: .write, issued: 0, key: key.id, cluster: cluster, block: BlockID(seed | 1),
            epoch: Epoch(1), lease: LeaseID(high: 1, low: seed), chainHash: chain.hash,
            maxLength: length, duration: 3_600_000)
        let packet = [700, 4096, 10_000, 65_536][world.random.below(4)]
        let writer = try SimulatedWriter(
            world: world, token: token, key: key, chain: chain, length: length,
            packetBytes: max(packet, Int(length / 150) + 1),
            level: world.random.below(2) == 0 ? .written : .durable, resumesAllowed: 100,
            flushEvery: [1, 3_000, 30_000, 100_000][world.random.below(4)])
        world.faults = .nuisances(rate: Double(world.random.below(20)) / 100)
        return cut(world, members, writer)
    }

    /// Runs on for a drawn number of steps after a drawn part of the block is durable.
    private func cut(
        _ world: SimulatedWorld, _ members: [SimulatedNode], _ writer: SimulatedWriter
    ) -> Result {
        let driver = SimulationDriver(world)
        for member in members { driver.add(member) }
        driver.add(writer)
        let wanted = UInt64(world.random.below(Int(writer.length) + 1))
        var left = world.random.below(400)
        var steps = 0
        let end = driver.run(for: 3_600_000_000_000, rounds: 400_000) {
            steps += 1
            if writer.acked.durable >= wanted || writer.isOver { left -= 1 }
            return left < 0
        }
        for member in members { world.crash(member.name) }
        let isDurable = writer.seal?.receipt.receipt.level == .durable
        var result = Result(
            acked: isDurable ? writer.length : writer.acked.durable, isSealedDurably: isDurable,
            steps: steps)
        // A sealed block's chain comes to rest, whatever is left of the steps.
        if end != .done, !writer.isOver {
            result.breach = "the run ended with \(end) before the cut"
        }
        for (index, member) in members.enumerated() {
            judge(index, member, world.disk(of: member.name), writer, &result)
        }
        return result
    }

    private func judge(
        _ index: Int, _ member: SimulatedNode, _ disk: SimulatedDisk, _ writer: SimulatedWriter,
        _ result: inout Result
    ) {
        func fail(_ sentence: String) {
            if result.breach == nil {
                result.breach = "node \(index), \(result.acked) bytes acked as durable: \(sentence)"
            }
        }
        guard let bytes = disk.bytes(of: "\(writer.block).blk") else {
            if result.acked > 0 { fail("there is no file") }
            return
        }
        var notice: String?
        let recovery = BlockRecovery(cluster: member.identity.cluster, device: member.device)
        let finding = recovery.examine(
            writer.block, size: UInt64(bytes.count), notice: &notice
        ) { memory, count, offset in
            let piece = bytes.dropFirst(Int(offset)).prefix(count)
            UnsafeMutableRawBufferPointer(start: memory, count: piece.count).copyBytes(from: piece)
            return piece.count
        }
        var kept: UInt64 = 0
        switch finding {
        case .prefix(_, let length):
            kept = length
            if result.isSealedDurably { fail("it was sealed durably and is \(finding)") }
        case .sealed(let header):
            kept = header.length
            result.sealed += 1
            // One that was never flushed and not synced may lack bytes: its checksums show it.
            if result.acked == 0 { return }
        case .damaged, .foreign, .unreadable:
            if result.acked > 0 { fail("\(finding)") }
            return
        }
        if kept < result.acked { return fail("\(kept) bytes are known of: \(finding)") }
        if kept > result.acked { result.keptMore += 1 }
        let payload = bytes.dropFirst(Int(BlockLayout.payloadOffset)).prefix(Int(kept))
        let expected = (0..<kept).lazy.map { SimulatedWriter.byte($0, seed: writer.seed) }
        if payload.count != Int(kept) || !payload.elementsEqual(expected) {
            fail("its first \(kept) bytes are not what was sent")
        }
    }

    /// The file of an earlier block, sealed, of about the length that is wanted.
    private func putSpare(
        _ world: SimulatedWorld, _ name: String, _ cluster: ClusterID, _ length: UInt64
    ) -> RecycledFiles.File {
        let pages = BlockLayout.filePages(length: length)
        var bytes = (0..<Int(pages) * 4096).map { _ in UInt8(truncatingIfNeeded: seed) ^ 0x5a }
        bytes.withUnsafeMutableBytes { memory in
            guard let base = memory.baseAddress else { return }
            BlockRecoveryFixture.sealedHeader(cluster, BlockID(2), length).encode(
                into: base + BlockLayout.headerBytes)
        }
        world.disk(of: name).put(bytes, at: RecycledFiles.name(2))
        return RecycledFiles.File(number: 2, pages: pages)
    }
}

enum BlockRecoveryFixture {
    /// Of a block whose checksums nobody will look at.
    static func sealedHeader(_ cluster: ClusterID, _ block: BlockID, _ length: UInt64)
        -> BlockHeader
    {
        BlockHeader(
            state: .sealed, sequence: 8, cluster: cluster, device: DeviceID(high: 1, low: 1),
            block: block, epoch: Epoch(1), lease: LeaseID(high: 1, low: 1), length: length,
            maxLength: length, checksum: 0, inlineCount: UInt32(BlockLayout.chunks(length: length)),
            tableCount: 0, tableChecksum: 0)
    }
}
