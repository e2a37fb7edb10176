import Client
import ControlClient
import Foundation
import Reactor
import System
import ToolSupport
import Wire

/// One chain of datanodes without a namenode, and the right to use it (`BenchCluster`).
package struct BenchChain: Sendable {
    private let cluster: BenchCluster
    private let chain: Chain
    private let names: ObjectNames
    private let blockBytes: UInt64
    private let lease: LeaseID

    /// - Throws: `ToolFailure` for a node that cannot be read or resolved, or a secret that is not
    ///   there.
    package init?(_ plan: LoadPlan) throws(ToolFailure) {
        guard !plan.chain.isEmpty else { return nil }
        let cluster = BenchCluster(secret: try Self.secret(plan.secretFile))
        var nodes: [ChainNode] = []
        for text in plan.chain {
            guard let endpoint = Endpoint(text) else {
                throw ToolFailure(.usage, "--chain has HOST:PORT,HOST:PORT..., not '\(text)'")
            }
            nodes.append(
                ChainNode(
                    node: cluster.node(host: endpoint.host, port: endpoint.port),
                    host: endpoint.host, port: endpoint.port))
        }
        guard let chain = Chain(nodes) else {
            throw ToolFailure(.usage, "--chain names 1 to 5 different nodes")
        }
        for node in nodes where SocketAddress(resolving: node) == nil {
            throw ToolFailure(.unavailable, "\(node.host) has no address")
        }
        self.cluster = cluster
        self.chain = chain
        names = ObjectNames(seed: plan.seed)
        blockBytes = plan.blockBound
        var random = Seeded(plan.seed)
        lease = LeaseID(using: &random)
    }

    /// The file's 64 hexadecimal digits, as its nodes read them.
    private static func secret(_ path: String?) throws(ToolFailure) -> [UInt8] {
        guard let path else { throw ToolFailure(.usage, "--chain needs --secret-file") }
        do throws(SecretFile.Failure) {
            return try SecretFile.read(path)
        } catch {
            throw ToolFailure(.configuration, "the secret \(path) \(error)")
        }
    }

    /// The right to write a key: nobody ends it.
    func lease(_ key: String) -> Lease { Lease(id: lease, key: key, milliseconds: 1 << 32) }

    /// Block `place` of an object, to be written.
    package func plan(_ object: UInt64, place: Int) -> BlockPlan {
        let block = names.block(object, place: UInt64(place))
        let credentials = cluster.credentials(
            .write, block: block, lease: lease, maxLength: blockBytes, chain: chain)
        return BlockPlan(
            block: block, epoch: BenchCluster.epoch, maxLength: blockBytes,
            credentials: credentials, key: cluster.streamKey(of: credentials))
    }

    /// Every block of an object, to be read. Objects begin with different nodes.
    package func blocks(_ object: UInt64, length: UInt64) -> [ValueBlock] {
        (0..<length.dividedUp(by: blockBytes)).map { place in
            let block = names.block(object, place: place)
            let start = place * blockBytes
            let count = chain.nodes.count
            let replicas = (0..<count).map { index in
                Replica(
                    node: chain.nodes[(index + Int(object % UInt64(count))) % count], location: "")
            }
            let credentials = cluster.credentials(
                .read, block: block, lease: lease, maxLength: blockBytes, chain: chain)
            return ValueBlock(
                block: block, epoch: BenchCluster.epoch, offset: start,
                length: min(blockBytes, length - start), checksum: 0, replicas: replicas,
                credentials: credentials, key: cluster.streamKey(of: credentials))
        }
    }
}
