import Client
import Reactor
import System
import Wire

/// Tokens of blocks that were planned, the newest of them.
struct LateTokens {
    private static let most = 64
    private var plans: [BlockPlan] = []

    mutating func heard(_ message: ControlBlockPlan) {
        do throws(ClientError) { plans.append(try Client.plan(message)) } catch {
            preconditionFailure("the namenode's plan makes sense: \(error)")
        }
        if plans.count > Self.most { plans.removeFirst() }
    }

    /// The oldest one that is wanted, once.
    mutating func take(where isWanted: (BlockPlan) -> Bool) -> BlockPlan? {
        plans.firstIndex(where: isWanted).map { plans.remove(at: $0) }
    }
}

/// One block that is written by its token alone, on one stream: as by a writer that hung and comes
/// back while its block was deleted and its token is still good. Whatever it is told is right; what
/// its nodes then have is not (`SimulationOracle.returned`).
final class BlockWriteJob: ClientJob {
    private static let bytes = 4096

    private unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    private let plan: BlockPlan
    private let value: SimulatedValue
    private let flushEvery: UInt64?
    private var write: WriteID?
    private(set) var isOver = false
    private(set) var acked = Progress()
    private(set) var seal: BlockSeal?
    private(set) var failure: StreamFailure?

    /// - Parameter value: the block's bytes; of its own when there is none.
    init(
        _ cluster: SimulatedCluster, _ client: SimulatedClient, plan: BlockPlan,
        value: SimulatedValue? = nil, flushEvery: UInt64? = nil
    ) {
        self.cluster = cluster
        self.client = client
        self.plan = plan
        self.flushEvery = flushEvery
        self.value =
            value
            ?? SimulatedValue(seed: plan.block.number, length: Self.bytes, durability: .written)
    }

    var block: BlockID { plan.block }
    var nextDeadline: UInt64? { nil }

    func step() -> Bool {
        guard write == nil, !isOver else { return false }
        let head = plan.credentials.chain.nodes[0]
        guard let address = SocketAddress(host: head.host, port: head.port) else {
            preconditionFailure("a datanode has a numeric address")
        }
        var request = WriteRequest(
            block: plan.block, epoch: plan.epoch, opening: plan.opening, address: address,
            maxBytes: UInt64(value.length))
        request.length = UInt64(value.length)
        request.sealLevel = value.durability == .durable ? .durable : .written
        request.flushEvery = flushEvery
        cluster.oracle.reused(plan.block)
        write = client.box.engine.write(request)
        // Without a place for its connection it comes another time.
        if write == nil { isOver = true }
        return true
    }

    func take(_ event: StreamEvent) {
        switch event {
        case .wantsPayload(let id, let buffer, let offset, let memory):
            value.fill(memory, from: Int(offset))
            client.box.engine.provide(id, buffer: buffer, count: memory.count)
        case .progress(let id, let progress) where id == write: acked = progress
        case .sealed(let id, let seal) where id == write:
            self.seal = seal
            end("it was sealed")
        case .writeFailed(let id, let failure) where id == write:
            self.failure = failure
            client.box.engine.end(id)
            end(failure.sentence)
        default: break
        }
    }

    private func end(_ word: String) {
        isOver = true
        cluster.note(
            [21, UInt64(client.number), plan.block.number],
            "\(client.name): write of block \(plan.block) by its token: \(word)")
    }
}
