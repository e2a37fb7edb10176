import Client
import System
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

    /// Takes `data` from a new stream on, in frames of two chunks.
    /// - Returns: where the bytes lie that were given out, in order.
    private func read(
        _ assembly: inout ReadAssembly, _ data: [UInt8], frames: Int = .max
    ) throws -> [UInt8] {
        let step = 2 * Limits.chunkBytes
        var given: [UInt8] = []
        var next = Int(assembly.request.lowerBound) / step * step
        var left = frames
        while left > 0, next < data.count {
            left -= 1
            let stop = min(data.count, next + step)
            let header = frame(data, next..<stop, isLast: stop == data.count)
            try assembly.judge(header)
            let slice = try take(&assembly, header, data)
            #expect(slice.count == 0 || Int(slice.offset) == next + slice.start)
            given += data[next + slice.start..<next + slice.start + slice.count]
            next = stop
        }
        return given
    }

    private func whole(_ data: [UInt8]) -> ReadAssembly {
        ReadAssembly(
            block: block, epoch: epoch, blockLength: UInt64(data.count),
            range: 0..<UInt64(data.count), checksum: CRC32C.of(data))
    }

    @Test("the last bytes of another block are given to nobody, and the next replica is read")
    func otherBlock() throws {
        var random = Seeded(5)
        let data = random.bytes(5 * Limits.chunkBytes + 9)
        var other = data
        other[data.count - 1] ^= 1
        var assembly = whole(data)
        #expect(throws: ReadAssembly.Violation.otherBlock) { try read(&assembly, other) }
        assembly.startOver(again: false)
        // The first four chunks were given before.
        #expect(try read(&assembly, data) == Array(data[(4 * Limits.chunkBytes)...]))
        #expect(assembly.isComplete && assembly.sum.checksum == CRC32C.of(data))
    }

    @Test("what was passed on and was wrong is not called right")
    func passedOn() throws {
        var random = Seeded(6)
        let data = random.bytes(5 * Limits.chunkBytes)
        var other = data
        other[3] ^= 1
        var assembly = whole(data)
        #expect(throws: ReadAssembly.Violation.otherBlock) { try read(&assembly, other) }
        var again = assembly
        assembly.startOver(again: false)
        #expect(throws: ReadAssembly.Violation.passedOn) { try read(&assembly, data) }
        // A sink that can be written anywhere takes everything again.
        again.startOver(again: true)
        #expect(try read(&again, data) == data)
    }

    @Test("of parts from several replicas nobody is blamed before each was read alone")
    func mixedBlock() throws {
        var random = Seeded(7)
        let data = random.bytes(6 * Limits.chunkBytes)
        var other = data
        other[3] ^= 1
        var assembly = whole(data)
        _ = try read(&assembly, other, frames: 1)
        assembly.restart()
        #expect(throws: ReadAssembly.Violation.mixedBlock) { try read(&assembly, data) }
        assembly.startOver(again: true)
        #expect(throws: ReadAssembly.Violation.otherBlock) { try read(&assembly, other) }
        assembly.startOver(again: true)
        #expect(try read(&assembly, data) == data)
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
