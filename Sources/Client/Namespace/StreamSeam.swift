import ControlClient
import Wire

// The streaming half's public face, so that the tools compile before it is there: this file goes
// when Sources/Client/Streams comes.

public struct ClientOptions: Sendable {
    public var software = "catena"
    public var callMilliseconds: Int64 = 10_000
    public init() {}
}

/// Where a put's bytes come from.
public struct PayloadSource: Sendable {
    public let descriptor: CInt
    /// `nil`: not known before the end, as with a pipe.
    public let length: UInt64?

    public init(descriptor: CInt, length: UInt64?) {
        self.descriptor = descriptor
        self.length = length
    }
}

/// Where a get's bytes go.
public struct PayloadSink: Sendable {
    public let descriptor: CInt
    public let isSeekable: Bool

    public init(descriptor: CInt, isSeekable: Bool) {
        self.descriptor = descriptor
        self.isSeekable = isSeekable
    }
}

public struct PutOptions: Sendable {
    public var overwrite = false
    /// The longest a block may become; `nil` for what the namenode plans.
    public var blockBytes: UInt64?
    public var packetBytes = Limits.payloadBytes
    /// 0 for the namenode's default.
    public var replicas = 0
    public var durability = CloseDurability.durable
    public var location = ""
    public init() {}
}

public struct GetOptions: Sendable {
    public var location = ""
    public var offset: UInt64 = 0
    /// 0 for "to the end".
    public var length: UInt64 = 0
    public init() {}
}

public struct PutSummary: Sendable {
    public let length: UInt64
    /// CRC32C of the value.
    public let checksum: UInt32
    public let blocks: [(block: BlockID, length: UInt64, chain: [ChainNode])]
}

public struct GetSummary: Sendable {
    public let length: UInt64
    public let checksum: UInt32
    public let replicasTried: Int
}

public final class CatenaClient {
    public let namespace: NamespaceClient

    public init(namenode: Endpoint, options: ClientOptions) throws(ClientError) {
        var settings = ControlConnection.Settings(role: .client, software: options.software)
        settings.callMilliseconds = options.callMilliseconds
        namespace = NamespaceClient(ControlCaller(namenode, settings: settings))
    }

    public func put(
        _ key: String, from: PayloadSource, options: PutOptions, progress: (UInt64) -> Void
    ) throws(ClientError) -> PutSummary {
        throw .badArgument("put is not built yet")
    }

    public func get(
        _ key: String, to: PayloadSink, options: GetOptions, progress: (UInt64) -> Void
    ) throws(ClientError) -> GetSummary {
        throw .badArgument("get is not built yet")
    }
}
