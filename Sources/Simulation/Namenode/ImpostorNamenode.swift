import Foundation
import Reactor
import Wire

/// A process at a dead namenode's address that knows every name and number, and not the cluster's
/// secret: it takes each node in, has every block deleted, refuses in turn with all that a namenode
/// may say, and sends readers to the real datanodes with tokens and keys of its own making.
///
/// What a client takes on a namenode's word alone (that a key is not there, that a CLOSE was done)
/// proves nothing, and so it says `busy` there.
final class ImpostorNamenode {
    private static let refusals: [ControlCode] = [
        .staleSession, .incarnationReplaced, .staleCopy, .badSecret, .wrongCluster, .malformed,
        .busy,
    ]
    private static let forgedBytes: UInt64 = 4096

    private unowned let cluster: SimulatedCluster
    private var random: SimulationRandom
    private var answers = 0

    init(_ cluster: SimulatedCluster) {
        self.cluster = cluster
        random = SimulationRandom(seed: cluster.world.seed ^ cluster.world.time)
    }

    func take(_ body: [UInt8], on line: ControlLine) {
        do {
            let request = try ControlFrame.decode(ControlRequest.self, from: body)
            var reply = answer(request)
            reply.requestID = request.requestID
            cluster.network.reply(try reply.serializedBytes(), on: line)
        } catch {
            preconditionFailure("a request that was written can be read and answered: \(error)")
        }
    }

    private func answer(_ request: ControlRequest) -> ControlReply {
        var reply = ControlReply()
        reply.message = "says somebody"
        switch request.operation {
        case .register:
            reply.register.clusterID = Data(cluster.id.bytes)
            reply.register.session = 1
            reply.register.timing.heartbeatMs = 20
            reply.register.timing.staleMs = 700
            reply.register.timing.deadMs = 2_000
        case .heartbeat(let message):
            answers += 1
            if answers % 2 == 0 {
                reply.code = Self.refusals[answers / 2 % Self.refusals.count]
            } else {
                reply.heartbeat.commands = deletions(of: message.nodeID)
            }
        case .open(let message): reply.open = forged(message.key)
        default: reply.code = .busy
        }
        return reply
    }

    /// All that the node has said it holds, each with all that a namenode says of it.
    private func deletions(of node: Data) -> [ControlCommand] {
        guard let id = NodeID(bytes: node), let datanode = cluster.datanode(id) else { return [] }
        return datanode.held.map { block, record in
            var command = ControlCommand()
            command.kind = .delete
            command.block = block.number
            command.epoch = record.epoch.number
            command.incarnation = record.incarnation.number
            command.sealed = record.state == .sealed
            command.length = record.length
            command.crc = record.checksum
            return command
        }
    }

    private func forged(_ key: String) -> ControlOpenReply {
        var reply = ControlOpenReply()
        reply.key = key
        reply.length = Self.forgedBytes
        reply.value = random.next()
        var block = ControlBlockLocation()
        block.block = UInt64(random.below(200))
        block.epoch = 1
        block.length = Self.forgedBytes
        block.crc = UInt32(truncatingIfNeeded: random.next())
        block.token = bytes(Token.byteCount)
        block.streamKey = bytes(32)
        block.replicas = cluster.datanodes.prefix(3).map { datanode in
            var node = ControlNode()
            node.nodeID = Data(datanode.identity.node.bytes)
            node.host = datanode.host
            node.port = 7500
            return node
        }
        reply.blocks = [block]
        return reply
    }

    private func bytes(_ count: Int) -> Data {
        Data((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) })
    }
}
