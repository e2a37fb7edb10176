import Glibc
import Wire

/// One accepted connection of a scripted peer: blocking calls that give up after `patience`
/// seconds.
final class PeerSocket {
    static let patience = 20
    let descriptor: Int32
    /// What every frame carries that is sent, when the peer has the key of the token.
    var proof: StreamProof?

    init(descriptor: Int32) { self.descriptor = descriptor }

    func receive(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var done = 0
        while done < count {
            let got = bytes.withUnsafeMutableBytes {
                recv(descriptor, $0.baseAddress! + done, count - done, 0)
            }
            guard got > 0 else { return nil }
            done += got
        }
        return bytes
    }

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
    func send(_ bytes: some Sequence<UInt8>) -> Bool {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let sent = bytes.withUnsafeBytes {
                Glibc.send(
                    descriptor, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return false }
            done += sent
        }
        return true
    }

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
