/// Every answer a datanode gives, on the wire as 16 bits. The hundreds say whose business it is.
public enum Status: UInt16, Sendable, Hashable, CaseIterable, BitwiseCopyable {
    case ok = 0

    // 1xx: the frame itself. The connection ends.
    case badMagic = 100
    case badVersion = 101
    case badHeaderChecksum = 102
    case unknownOperation = 103
    case badFlags = 104
    case payloadTooLarge = 105
    case badPayloadLength = 106
    case badPieceCount = 107
    case badPayloadChecksum = 108
    case unexpectedOperation = 109
    case badCredentials = 110
    case truncated = 111

    // 2xx: the token. Blames no node; the client fetches another one.
    case tokenMalformed = 200
    case tokenUnknownKey = 201
    case tokenForged = 202
    case tokenWrongCluster = 203
    case tokenWrongChain = 204
    case tokenWrongNode = 205
    case tokenWrongMode = 206
    case tokenWrongBlock = 207
    case tokenStaleEpoch = 208
    case tokenExpired = 209
    case tokenTooShort = 210

    // 3xx: the stream and the block.
    case conflict = 300
    case gapBeyondWindow = 301
    case straddles = 302
    case sealMismatch = 303
    case sealed = 304
    case notFound = 305
    case notSealed = 306
    case mayBeLost = 307
    case corrupt = 308
    case superseded = 309
    case badRange = 310

    // 4xx: this node. Another one, or the same one later, may do.
    case busy = 400
    case noSpace = 401
    case deviceFailed = 402
    case shuttingDown = 403
    case fenced = 404
    case slowPeer = 405

    // 5xx: the chain behind this node. The payload names the hop.
    case nextHopUnreachable = 500
    case nextHopFailed = 501
    case unproven = 502
}

extension Status {
    public enum Family: Sendable { case success, frame, token, stream, node, chain }

    public var family: Family {
        switch rawValue / 100 {
        case 0: .success
        case 1: .frame
        case 2: .token
        case 3: .stream
        case 4: .node
        default: .chain
        }
    }

    /// The token is at fault and no node is: the client fetches another one. A chain that names
    /// another node at this address is not: that node is to be left out.
    public var blamesToken: Bool { family == .token && self != .tokenWrongNode }

    /// A sentence for people.
    public var explanation: String {
        switch self {
        case .ok: "ok"
        case .badMagic: "this is not a Catena frame"
        case .badVersion:
            "the frame is not of version 2 of the protocol, the only one that is spoken here"
        case .badHeaderChecksum: "the frame header does not match its checksum"
        case .unknownOperation: "the frame's operation is not known"
        case .badFlags: "the frame has flags that its operation does not define"
        case .payloadTooLarge: "the frame's payload is longer than its operation allows"
        case .badPayloadLength: "the frame's payload length does not fit its operation"
        case .badPieceCount: "the frame's checksum count does not fit its offset and length"
        case .badPayloadChecksum: "the payload does not match its checksum"
        case .unexpectedOperation: "this operation is not allowed at this point of the stream"
        case .badCredentials: "the token and chain in the payload cannot be read"
        case .truncated: "the connection ended inside a frame"
        case .tokenMalformed: "the token cannot be read"
        case .tokenUnknownKey:
            "the token's signing key is not, or no longer, valid: fetch a new token"
        case .tokenForged: "the token's signature does not match"
        case .tokenWrongCluster: "the token belongs to another cluster"
        case .tokenWrongChain: "the token does not cover the chain that came with it"
        case .tokenWrongNode:
            "the token's chain names another node at this place: this one may have taken over "
                + "that one's address"
        case .tokenWrongMode: "the token does not allow this operation"
        case .tokenWrongBlock: "the token is for another block"
        case .tokenStaleEpoch: "the token's epoch is older than the block's"
        case .tokenExpired: "the token has expired: fetch a new one"
        case .tokenTooShort: "the token does not allow a block this long"
        case .conflict: "other bytes were already written at this offset"
        case .gapBeyondWindow: "the offset is too far beyond the bytes this node holds"
        case .straddles: "the frame begins below and ends above the bytes this node holds"
        case .sealMismatch: "the block's length or checksum is not what the seal says"
        case .sealed: "the block is sealed"
        case .notFound: "this node never had the block"
        case .notSealed: "the block is not sealed yet"
        case .mayBeLost:
            "this node has stopped since the block was written and may have lost bytes of it"
        case .corrupt: "the stored bytes do not match their checksum"
        case .superseded: "a newer stream of the same writer took over"
        case .badRange: "the range is outside the block"
        case .busy: "a limit of this node is reached: try again"
        case .noSpace: "no device of this node has room"
        case .deviceFailed: "the device failed"
        case .shuttingDown: "the node is shutting down"
        case .fenced: "the node has lost contact with its namenode and takes no writes"
        case .slowPeer: "the peer made no progress before the deadline"
        case .nextHopUnreachable: "the next node of the chain cannot be reached"
        case .nextHopFailed: "the next node of the chain failed"
        case .unproven: "the node did not prove that it is the one it stands for"
        }
    }
}
