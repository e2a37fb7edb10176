import System
import TestSupport
import Wire

/// A scripted peer: a loopback server whose connections speak frames.
func scriptedPeer(_ script: @escaping @Sendable (Int, PeerSocket) -> Void) -> LoopbackServer {
    LoopbackServer { socket, number in script(number, PeerSocket(socket)) }
}

/// One accepted connection of a scripted peer.
final class PeerSocket {
    private static let patience = 20
    private let socket: BlockingSocket
    /// What every frame carries that is sent, when the peer has the key of the token.
    var proof: StreamProof?

    init(_ socket: BlockingSocket) {
        self.socket = socket
        socket.setPatience(Self.patience)
    }

    func receive(_ count: Int) -> [UInt8]? { socket.receive(count) }

    /// The next frame; `nil` when the other side is gone or sends no frame.
    func frame() -> (FrameHeader, [UInt8])? {
        guard let bytes = receive(FrameHeader.byteCount) else { return nil }
        do {
            let header = try bytes.withUnsafeBytes {
                try FrameHeader(decoding: $0.baseAddress!)
            }
            guard header.payloadLength > 0 else { return (header, []) }
            guard let payload = receive(Int(header.payloadLength)) else { return nil }
            return (header, payload)
        } catch { return nil }
    }

    @discardableResult
    func send(_ bytes: some Sequence<UInt8>) -> Bool { socket.send(Array(bytes)) }

    @discardableResult
    func send(_ header: FrameHeader, _ payload: [UInt8] = []) -> Bool {
        var header = header
        if let proof { header.proof = proof }
        return send(Self.encoded(header, payload))
    }

    static func encoded(_ header: FrameHeader, _ payload: [UInt8] = []) -> [UInt8] {
        var header = header
        header.payloadLength = UInt32(payload.count)
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { header.encode(into: $0.baseAddress!) }
        return bytes + payload
    }
}
