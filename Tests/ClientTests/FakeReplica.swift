import Synchronization
import Wire

/// What a scripted peer does with a read: the frames of one block, and one way to break them per
/// connection.
final class FakeReplica: Sendable {
    enum Behaviour: Sendable {
        case good
        case silent
        /// This many frames, then the connection ends.
        case hangUp(after: Int)
        /// The same, inside a payload.
        case shortFrame(after: Int)
        /// A byte of this frame is not what its checksum says.
        case corrupt(Int)
        case refuse(Status)
        case wrongStream
        case wrongOffset
        case wrongBlock
        /// What a good one says, without the key of the token.
        case unproven
    }

    /// The ranges that were asked for.
    let requests = Mutex<[Range<UInt64>]>([])
    private let data: [UInt8]
    private let frameBytes: Int
    private let behaviours: [Behaviour]

    init(_ data: [UInt8], frameBytes: Int, _ behaviours: [Behaviour]) {
        self.data = data
        self.frameBytes = frameBytes
        self.behaviours = behaviours
    }

    func serve(_ number: Int, _ socket: PeerSocket) {
        let behaviour = behaviours[min(number, behaviours.count - 1)]
        while let (header, _) = socket.frame() {
            guard header.operation == .read else { return }
            socket.proof = Granted.key.proof(of: header)
            if case .unproven = behaviour { socket.proof = nil }
            requests.withLock { $0.append(header.offset..<header.offset + header.length) }
            guard answer(socket, header, behaviour) else { return }
        }
    }

    private func answer(
        _ socket: PeerSocket, _ request: FrameHeader, _ behaviour: Behaviour
    ) -> Bool {
        if case .refuse(let status) = behaviour {
            let payload = ErrorReport(node: .none, text: "no").encoded()
            var header = FrameHeader(.error)
            header.status = status
            header.checksum = CRC32C.of(payload)
            socket.send(header, payload)
            return false
        }
        if case .silent = behaviour {
            _ = socket.frame()
            return false
        }
        let chunk = Limits.chunkBytes
        var offset = Int(request.offset) / chunk * chunk
        let stop = Int(request.offset + request.length)
        let end = min(data.count, (stop + chunk - 1) / chunk * chunk)
        var count = 0
        while offset < end {
            let next = min(end, offset + frameBytes)
            guard send(socket, request, behaviour, count, offset..<next, end) else { return false }
            offset = next
            count += 1
        }
        return true
    }

    private func send(
        _ socket: PeerSocket, _ request: FrameHeader, _ behaviour: Behaviour, _ count: Int,
        _ range: Range<Int>, _ end: Int
    ) -> Bool {
        var payload = Array(data[range])
        var header = FrameHeader(.data)
        header.stream = request.stream
        header.block = request.block
        header.epoch = request.epoch
        header.offset = UInt64(range.lowerBound)
        header.payloadLength = UInt32(payload.count)
        // Every other promise is kept back, so that both ways of receiving are met.
        header.flags = range.upperBound == end ? .last : count % 2 == 0 ? .more : []
        payload.withUnsafeBytes { header.sumPieces($0.baseAddress!) }
        switch behaviour {
        case .hangUp(let after) where count == after: return false
        case .shortFrame(let after) where count == after:
            socket.send(PeerSocket.encoded(header, payload).dropLast(10))
            return false
        case .corrupt(let bad) where count == bad: payload[payload.count / 2] ^= 4
        case .wrongStream: header.stream += 1
        case .wrongBlock: header.block = BlockID(99)
        case .wrongOffset where count == 1: header.offset += UInt64(frameBytes)
        default: break
        }
        return socket.send(header, payload)
    }
}
