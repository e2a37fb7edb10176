import Testing
import Wire

@Suite struct BenchClusterTests {
    private let bench = BenchCluster(secret: Array(0..<32))
    private var chain: Chain {
        let nodes = [UInt16(7001), 7002].map { port in
            ChainNode(
                node: bench.node(host: "10.0.0.1", port: port), host: "10.0.0.1", port: port)
        }
        guard let chain = Chain(nodes) else { preconditionFailure("two different nodes") }
        return chain
    }

    private func admit(_ credentials: Credentials, as holder: BenchCluster) -> Status? {
        let check = TokenCheck(
            cluster: holder.cluster, node: holder.node(host: "10.0.0.1", port: 7002),
            keys: holder.keys(now: 500), now: 900)
        var opening = FrameHeader(.write)
        opening.block = BlockID(7)
        opening.epoch = BenchCluster.epoch
        opening.place = 1
        let answer = check.admit(credentials, mode: .write, opening: opening)
        guard case .failure(let refused) = answer else { return nil }
        return refused.status
    }

    @Test func whoHoldsTheSecretIsAdmitted() {
        let credentials = bench.credentials(
            .write, block: BlockID(7), lease: .random(), maxLength: 1 << 20, chain: chain)
        #expect(admit(credentials, as: BenchCluster(secret: Array(0..<32))) == nil)
    }

    @Test func anotherSecretIsAForgery() {
        let other = BenchCluster(secret: Array(1..<33))
        let credentials = other.credentials(
            .write, block: BlockID(7), lease: .random(), maxLength: 1 << 20, chain: chain)
        #expect(admit(credentials, as: bench) == .tokenForged)
        #expect(other.cluster != bench.cluster)
    }
}
