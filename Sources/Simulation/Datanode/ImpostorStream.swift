import Wire

/// What a process says that speaks the protocol at a datanode's address and is not that datanode:
/// it takes every token, acks every byte, signs every seal, and keeps nothing. It has seen tokens,
/// and no key.
struct ImpostorStream {
    /// The plant: the cluster's signing keys have leaked, so that it proves what it is asked to.
    let keys: (KeyID) -> SigningKey?

    private var inbox: [UInt8] = []
    private var opening = FrameHeader(.write)
    private var token: Token?
    private var proof: StreamProof?
    private var hwm: UInt64 = 0
    private var durable: UInt64 = 0

    init(keys: @escaping (KeyID) -> SigningKey?) { self.keys = keys }

    /// Takes bytes of the connection.
    /// - Returns: what is answered; `nil` when this is no protocol it speaks.
    mutating func take(_ bytes: some Collection<UInt8>) -> [UInt8]? {
        inbox += bytes
        var answers: [UInt8] = []
        while inbox.count >= FrameHeader.byteCount {
            guard let header = Self.header(inbox) else { return nil }
            let end = FrameHeader.byteCount + Int(header.payloadLength)
            guard inbox.count >= end else { break }
            let payload = Array(inbox[FrameHeader.byteCount..<end])
            inbox.removeFirst(end)
            answers += answer(header, payload)
        }
        return answers
    }

    private static func header(_ bytes: [UInt8]) -> FrameHeader? {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return nil }
            do throws(FrameHeader.Malformed) {
                return try FrameHeader(decoding: base)
            } catch {
                return nil
            }
        }
    }

    private mutating func answer(_ header: FrameHeader, _ payload: [UInt8]) -> [UInt8] {
        switch header.operation {
        case .write:
            open(header, payload)
            hwm = 0
            durable = 0
            return ack()
        case .data:
            hwm = max(hwm, header.end)
            return ack()
        case .flush:
            durable = hwm
            return ack()
        case .seal: return seal(header)
        case .read:
            open(header, payload)
            return forge(header)
        case .ack, .sealed, .error: return []
        }
    }

    private mutating func open(_ header: FrameHeader, _ payload: [UInt8]) {
        opening = header
        let credentials = Credentials(decoding: payload)
        token = credentials.flatMap { Token(decoding: $0.token) }
        proof = nil
        guard let credentials, let token, let key = keys(token.key) else { return }
        proof = key.streamKey(of: credentials.token).proof(of: header)
    }

    /// - Parameter body: the payload.
    private mutating func frame(
        _ operation: FrameOperation, _ change: (inout FrameHeader) -> Void = { _ in },
        body: [UInt8] = []
    ) -> [UInt8] {
        var header = FrameHeader(operation)
        header.stream = opening.stream
        header.block = opening.block
        header.epoch = opening.epoch
        header.payloadLength = UInt32(body.count)
        change(&header)
        if let proof { header.proof = proof }
        proof = nil
        var bytes = [UInt8](repeating: 0, count: FrameHeader.byteCount)
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress else { return }
            header.encode(into: base)
        }
        return bytes + body
    }

    private mutating func ack() -> [UInt8] {
        let progress = Progress(received: hwm, written: hwm, durable: durable)
        return frame(.ack, { $0.progress = progress })
    }

    private mutating func seal(_ asked: FrameHeader) -> [UInt8] {
        guard let token else { return [] }
        let receipt = Receipt(
            level: .durable, position: UInt8(opening.place), checksum: asked.checksum,
            key: token.key, cluster: token.cluster, block: token.block, epoch: token.epoch,
            length: asked.length)
        // Without the key, another one has to do.
        guard
            let key = keys(token.key)
                ?? SigningKey(id: token.key, secret: [UInt8](repeating: 1, count: 32), made: 0)
        else { return [] }
        return frame(
            .sealed,
            { header in
                header.flags = [.written, .durable]
                header.length = asked.length
                header.checksum = asked.checksum
                header.progress = Progress(
                    received: asked.length, written: asked.length, durable: asked.length)
            }, body: receipt.signed(with: key))
    }

    /// Bytes that nobody wrote, with checksums that fit them.
    private mutating func forge(_ asked: FrameHeader) -> [UInt8] {
        guard let token else { return [] }
        let chunk = UInt64(Limits.chunkBytes)
        var offset = asked.offset / chunk * chunk
        let stop = min(
            token.maxLength, (asked.offset + asked.length + chunk - 1) / chunk * chunk)
        var answer: [UInt8] = []
        while offset < stop {
            let next = min(stop, offset + chunk)
            let body = [UInt8](repeating: 0x5a, count: Int(next - offset))
            answer += frame(
                .data,
                { header in
                    header.offset = offset
                    header.flags = next == stop ? .last : []
                    header.pieceCount = 1
                    header.pieces[0] = CRC32C.of(body)
                }, body: body)
            offset = next
        }
        return answer
    }
}
