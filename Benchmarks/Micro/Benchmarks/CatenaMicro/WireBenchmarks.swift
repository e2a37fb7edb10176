import Benchmark
import Wire

func addWireBenchmarks() {
    let header = dataHeader()
    Benchmark("frame-encode") { benchmark in
        withUnsafeTemporaryAllocation(byteCount: FrameHeader.byteCount, alignment: 64) { bytes in
            guard let base = bytes.baseAddress else { return }
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations {
                header.encode(into: base)
                blackHole(base)
            }
        }
    }
    Benchmark("frame-decode") { benchmark in
        try withUnsafeTemporaryAllocation(byteCount: FrameHeader.byteCount, alignment: 64) {
            guard let base = $0.baseAddress else { return }
            header.encode(into: base)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { blackHole(try FrameHeader(decoding: base)) }
        }
    }
    let cluster = BenchCluster(secret: [UInt8](0..<32))
    let ports: [UInt16] = [7_001, 7_002, 7_003]
    let nodes = ports.map {
        ChainNode(node: cluster.node(host: "127.0.0.1", port: $0), host: "127.0.0.1", port: $0)
    }
    guard let chain = Chain(nodes) else { preconditionFailure("three nodes are a chain") }
    let credentials = cluster.credentials(
        .write, block: BlockID(42), lease: LeaseID(high: 1, low: 2), maxLength: 128 << 20,
        chain: chain)
    let check = TokenCheck(
        cluster: cluster.cluster, node: nodes[1].node, keys: cluster.keys(now: 0), now: 0)
    var opening = FrameHeader(.write)
    opening.block = BlockID(42)
    opening.epoch = BenchCluster.epoch
    opening.place = 1
    let asked = opening
    Benchmark("token-check") { benchmark in
        for _ in benchmark.scaledIterations {
            let answer = check.admit(credentials, mode: .write, opening: asked)
            guard case .success = answer else { preconditionFailure("the token is good") }
            blackHole(answer)
        }
    }
}

/// As a client sends it in the middle of a block.
private func dataHeader() -> FrameHeader {
    var header = FrameHeader(.data)
    header.stream = 3
    header.sequence = 17
    header.block = BlockID(42)
    header.epoch = Epoch(7)
    header.offset = 8 << 20
    header.payloadLength = 512 << 10
    header.pieceCount = 8
    for index in 0..<8 { header.pieces[index] = 0x9e37_79b9 &* UInt32(index + 1) }
    return header
}
