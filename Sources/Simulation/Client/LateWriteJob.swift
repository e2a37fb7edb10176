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

/// A writer that hung and comes back: its block was deleted meanwhile, and its token is still good.
/// Whatever it is told is right; what its nodes then have is not (`SimulationOracle.returned`).
final class LateWriteJob: ClientJob {
    private static let bytes = 4096

    private unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    private let plan: BlockPlan
    private let value: SimulatedValue
    private var write: WriteID?
    private(set) var isOver = false

    init(_ cluster: SimulatedCluster, _ client: SimulatedClient, plan: BlockPlan) {
        self.cluster = cluster
        self.client = client
        self.plan = plan
        value = SimulatedValue(
            seed: plan.block.number, length: Self.bytes, durability: .written)
    }

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
        cluster.oracle.reused(plan.block)
        write = client.box.engine.write(request)
        // Without a place for its connection it comes another time.
        if write == nil { isOver = true }
        return true
    }

    func take(_ event: StreamEvent) {
        switch event {
        case .wantsPayload(let id, let slot, let offset, let memory):
            value.fill(memory, from: Int(offset))
            client.box.engine.provide(id, slot: slot, count: memory.count)
        case .sealed(let id, _) where id == write: end("it was sealed")
        case .writeFailed(let id, let failure) where id == write:
            client.box.engine.end(id)
            end(failure.sentence)
        default: break
        }
    }

    private func end(_ word: String) {
        isOver = true
        cluster.note(
            [21, UInt64(client.number), plan.block.number],
            "\(client.name): late write of block \(plan.block): \(word)")
    }
}
