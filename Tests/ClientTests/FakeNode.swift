import Synchronization
import Wire

/// What a scripted peer does with a write: a datanode's rules in few lines, and one way to break
/// them per connection.
final class FakeNode: Sendable {
    enum Behaviour: Sendable {
        case good
        /// Takes everything and says nothing.
        case silent
        /// One ack, with the seal's answer.
        case late
        /// Takes this many frames, acks none of them, and hangs up.
        case hangUp(after: Int)
        case hangUpAtFlush
        /// Acks this many frames, then answers with an error.
        case refuse(after: Int, Status, NodeID)
        /// Sends half a header.
        case halfHeader
        case garbage
        case wrongStream
        case wrongBlock
        case ackBeyond
        case ackBack
        case wrongReceipt
        /// Says what a good one says, without the key of the token.
        case unproven
        /// Refuses what it was asked, without the key of the token.
        case unprovenRefusal(Status)

        var hasKey: Bool {
            switch self {
            case .unproven, .unprovenRefusal: false
            default: true
            }
        }
    }

    struct State {
        var bytes: [UInt8] = []
        var duplicates = 0
        var frames: [(offset: UInt64, length: UInt32)] = []
        var moreFlags: [Bool] = []
        var seals = 0
        var flushes: [UInt64] = []
        var durable: UInt64 = 0
    }

    let state = Mutex(State())
    private let behaviours: [Behaviour]
    private let key: SigningKey

    /// - Parameter behaviours: of the connections in turn; the last one's stays.
    init(_ behaviours: [Behaviour]) {
        self.behaviours = behaviours
        key = SigningKey(
            id: KeyID(1), secret: [UInt8](repeating: 7, count: SigningKey.secretBytes), made: 0)!
    }

    func serve(_ number: Int, _ socket: PeerSocket) {
        let behaviour = behaviours[min(number, behaviours.count - 1)]
        var frames = 0
        while let (header, payload) = socket.frame() {
            switch header.operation {
            case .write:
                socket.proof = behaviour.hasKey ? Granted.key.proof(of: header) : nil
                guard opened(socket, header, behaviour) else { return }
            case .data:
                frames += 1
                let hwm = take(header, payload)
                guard acked(socket, header, behaviour, frames, hwm) else { return }
            case .seal: seal(socket, header, behaviour)
            case .flush:
                guard flushed(socket, header, behaviour) else { return }
            default: return
            }
        }
    }

    /// As `serve`, until the block is sealed.
    func serveOne(_ socket: PeerSocket) {
        while let (header, payload) = socket.frame() {
            switch header.operation {
            case .write: socket.proof = Granted.key.proof(of: header)
            case .data: _ = acked(socket, header, .good, 0, take(header, payload))
            case .seal: return seal(socket, header, .good)
            default: return
            }
        }
    }

    private func opened(
        _ socket: PeerSocket, _ header: FrameHeader, _ behaviour: Behaviour
    ) -> Bool {
        state.withLock { $0.moreFlags.append(header.flags.contains(.more)) }
        switch behaviour {
        case .refuse(after: 0, let status, let node):
            refuse(socket, status, node)
            return false
        case .halfHeader:
            socket.send(PeerSocket.encoded(ack(header, 0)).prefix(60))
            return false
        case .garbage: return socket.send([UInt8](repeating: 0xee, count: 128))
        case .unprovenRefusal(let status):
            refuse(socket, status, NodeID(high: 1, low: 1))
            return false
        default: return true
        }
    }

    private func take(_ header: FrameHeader, _ payload: [UInt8]) -> UInt64 {
        state.withLock { state in
            state.moreFlags.append(header.flags.contains(.more))
            let start = Int(header.offset)
            let matches = payload.withUnsafeBytes { header.matches($0.baseAddress!) }
            precondition(matches, "a writer's checksums hold")
            if start == state.bytes.count {
                state.bytes += payload
                state.frames.append((header.offset, header.payloadLength))
            } else {
                let known = state.frames.contains { $0 == (header.offset, header.payloadLength) }
                precondition(known, "a frame is cut as it was the first time")
                precondition(Array(state.bytes[start..<start + payload.count]) == payload)
                state.duplicates += 1
            }
            return UInt64(state.bytes.count)
        }
    }

    private func acked(
        _ socket: PeerSocket, _ header: FrameHeader, _ behaviour: Behaviour, _ frames: Int,
        _ hwm: UInt64
    ) -> Bool {
        var answer = ack(header, hwm)
        switch behaviour {
        case .silent, .late: return true
        case .hangUp(let after): return frames < after
        case .refuse(let after, let status, let node) where frames >= after:
            refuse(socket, status, node)
            return false
        case .wrongStream: answer.stream += 1
        case .wrongBlock: answer.block = BlockID(header.block.number + 1)
        case .ackBeyond:
            answer.progress = Progress(received: 1 << 40, written: 0)
        case .ackBack where frames > 1:
            answer.progress = Progress(received: 1, written: 1)
        default: break
        }
        return socket.send(answer)
    }

    private func flushed(
        _ socket: PeerSocket, _ header: FrameHeader, _ behaviour: Behaviour
    ) -> Bool {
        let hwm = state.withLock { state in
            precondition(header.length <= state.bytes.count, "a flush follows its bytes")
            state.flushes.append(header.length)
            return UInt64(state.bytes.count)
        }
        if case .hangUpAtFlush = behaviour { return false }
        state.withLock { $0.durable = header.length }
        return socket.send(ack(header, hwm))
    }

    private func ack(_ header: FrameHeader, _ hwm: UInt64) -> FrameHeader {
        var answer = FrameHeader(.ack)
        answer.stream = header.stream
        answer.block = header.block
        answer.epoch = header.epoch
        let durable = state.withLock { $0.durable }
        answer.progress = Progress(received: hwm, written: hwm, durable: durable)
        return answer
    }

    private func seal(_ socket: PeerSocket, _ header: FrameHeader, _ behaviour: Behaviour) {
        if case .silent = behaviour { return }
        let bytes = state.withLock { state in
            state.seals += 1
            return state.bytes
        }
        precondition(CRC32C.of(bytes) == header.checksum && header.length == bytes.count)
        var answer = ack(header, UInt64(bytes.count))
        answer.operation = .sealed
        answer.length = header.length
        answer.checksum = header.checksum
        answer.flags = .written
        var checksum = header.checksum
        if case .wrongReceipt = behaviour { checksum ^= 1 }
        let receipt = Receipt(
            level: max(.written, header.flags.level), checksum: checksum, key: key.id,
            cluster: .none, block: header.block, epoch: header.epoch, length: header.length)
        socket.send(answer, receipt.signed(with: key))
    }

    private func refuse(_ socket: PeerSocket, _ status: Status, _ node: NodeID) {
        let payload = ErrorReport(node: node, text: "as the script says").encoded()
        var answer = FrameHeader(.error)
        answer.status = status
        answer.checksum = CRC32C.of(payload)
        socket.send(answer, payload)
    }
}
