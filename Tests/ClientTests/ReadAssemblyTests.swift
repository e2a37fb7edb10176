import Client
import Testing
import Wire

struct ReadAssemblyTests {
    private let block = BlockID(7)
    private let epoch = Epoch(1)
    private static let chunk = UInt64(Limits.chunkBytes)

    private func frame(_ data: [UInt8], _ range: Range<Int>, isLast: Bool) -> FrameHeader {
        var header = FrameHeader(.data)
        header.block = block
        header.epoch = epoch
        header.offset = UInt64(range.lowerBound)
        header.payloadLength = UInt32(range.count)
        header.flags = isLast ? .last : []
        data.withUnsafeBytes { header.sumPieces($0.baseAddress! + range.lowerBound) }
        return header
    }

    private func take(
        _ assembly: inout ReadAssembly, _ header: FrameHeader, _ data: [UInt8]
    ) throws -> ReadAssembly.Slice {
        try data.withUnsafeBytes {
            try assembly.take(header, $0.baseAddress! + Int(header.offset))
        }
    }

    @Test(
        "gives exactly the range, whatever the frames and replicas",
        arguments: 1...30 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        var random = Seeded(seed)
        let chunk = Limits.chunkBytes
        let count = Int.random(in: 1...5 * chunk, using: &random)
        let data = random.bytes(count)
        let from = Int.random(in: 0..<count, using: &random)
        let to = Int.random(in: from + 1...count, using: &random)
        var assembly = ReadAssembly(
            block: block, epoch: epoch, blockLength: UInt64(count),
            range: UInt64(from)..<UInt64(to))
        let end = min(count, (to + chunk - 1) / chunk * chunk)
        var got: [UInt8] = []
        var next = from / chunk * chunk
        while !assembly.isComplete {
            let chunks = Int.random(in: 1...3, using: &random)
            let stop = min(end, next + chunks * chunk)
            let header = frame(data, next..<stop, isLast: stop == end)
            try assembly.judge(header)
            if Bool.random(using: &random) {
                var broken = data
                broken[Int.random(in: next..<stop, using: &random)] ^= 1
                #expect(throws: ReadAssembly.Violation.corrupt) {
                    try take(&assembly, header, broken)
                }
                assembly.restart()
                next = Int(assembly.request.lowerBound) / chunk * chunk
                continue
            }
            let slice = try take(&assembly, header, data)
            #expect(slice.offset == UInt64(from + got.count), "seed \(seed)")
            let start = next + slice.start
            got += data[start..<start + slice.count]
            next = stop
        }
        #expect(got == Array(data[from..<to]), "seed \(seed)")
        #expect(assembly.sum.checksum == CRC32C.of(got), "seed \(seed)")
    }

    @Test("refuses frames against the rules")
    func violations() {
        let data = [UInt8](repeating: 1, count: 3 * Limits.chunkBytes)
        let chunk = Limits.chunkBytes
        let assembly = ReadAssembly(
            block: block, epoch: epoch, blockLength: UInt64(data.count),
            range: 10..<UInt64(chunk + 1))
        func judge(_ header: FrameHeader) -> ReadAssembly.Violation? {
            do {
                try assembly.judge(header)
                return nil
            } catch { return error }
        }
        #expect(judge(frame(data, 0..<chunk, isLast: false)) == nil)
        #expect(judge(frame(data, chunk..<2 * chunk, isLast: true)) == .wrongOffset)
        #expect(judge(frame(data, 0..<chunk + 1, isLast: false)) == .unaligned)
        #expect(judge(frame(data, 0..<3 * chunk, isLast: true)) == .beyondRange)
        #expect(judge(frame(data, 0..<2 * chunk, isLast: false)) == .wrongLast)
        #expect(judge(frame(data, 0..<chunk, isLast: true)) == .wrongLast)
        var other = frame(data, 0..<chunk, isLast: false)
        other.block = BlockID(8)
        #expect(judge(other) == .wrongBlock)
        var more = frame(data, 0..<2 * chunk, isLast: true)
        more.flags.insert(.more)
        #expect(judge(more) == .wrongLast)
    }
}
