import ControlClient
import Reactor
import System
import Wire

public struct ClientOptions: Sendable {
    /// Name and version, for the namenode's log.
    public var software = "catena"
    /// How long a call goes on without progress: what can pass, a daemon that is started again or
    /// a connection that breaks, is waited for so long.
    public var timeoutMilliseconds: Int64 = 20_000
    /// Called once in a call to the namenode that has waited for a second, with what it waits for.
    public var waiting: (@Sendable (ControlFailure) -> Void)?
    /// Memory for payload of one put or get, at least four packets. The default fits the 8 MiB that
    /// a process may lock on most systems; a process that may lock less works all the same, at a
    /// little more cost per byte.
    public var bufferBytes = 7_680 << 10
    public init() {}
}

/// A cluster, as a program uses it.
///
/// `put` and `get` block the calling thread until they are done: each makes its ring on that thread
/// and ends it there, and the library starts no thread of its own. Several threads may each have a
/// client; one client is for one thread at a time.
public final class CatenaClient {
    public let namespace: NamespaceClient
    public let namenode: Endpoint
    private let options: ClientOptions

    /// Connects at the first call.
    public init(namenode: Endpoint, options: ClientOptions = ClientOptions()) throws(ClientError) {
        var settings = ControlConnection.Settings(role: .client, software: options.software)
        settings.callMilliseconds = options.timeoutMilliseconds
        var retry = ControlCaller.Retry()
        retry.totalMilliseconds = options.timeoutMilliseconds
        retry.waiting = options.waiting
        namespace = NamespaceClient(ControlCaller(namenode, settings: settings, retry: retry))
        self.namenode = namenode
        self.options = options
    }

    /// Stores a source's bytes under a key: they appear there, all at once, when this returns.
    ///
    /// Blocks the calling thread. After an error nothing appears; the value that was there before
    /// stays.
    /// - Parameter progress: called now and then with the bytes that every node of their chains has
    ///   written.
    public func put(
        _ key: String, from source: PayloadSource, options wanted: PutOptions = PutOptions(),
        progress: (UInt64) -> Void = { _ in }
    ) throws(ClientError) -> PutSummary {
        try wanted.check()
        try checkKey(key)
        let file = try LocalFile.inspect(source.descriptor) { .sourceFailed(reason: $0) }
        let wasNonBlocking = file.block()
        defer { file.restore(wasNonBlocking) }
        let source = PutSource(file, length: source.length)
        let streams = try engine(packetBytes: wanted.packetBytes)
        var settings = PutSettings(key: key, supply: source.supply, engine: streams.settings)
        settings.overwrite = wanted.overwrite
        settings.blockBytes = wanted.blockBytes
        settings.replicas = wanted.replicas
        settings.durability = wanted.durability
        settings.location = wanted.location
        settings.span = span
        var session = PutSession(
            engine: streams, namespace: namespace, source: source, options: wanted,
            settings: settings, waiting: options.waiting)
        return try session.run(progress)
    }

    /// Writes a key's value, or a part of it, to a sink. No byte reaches the sink before its
    /// checksum is verified.
    ///
    /// Blocks the calling thread. After an error the sink may have the beginning of the bytes.
    /// - Parameter progress: called now and then with the bytes that are verified.
    public func get(
        _ key: String, to sink: PayloadSink, options wanted: GetOptions = GetOptions(),
        progress: (UInt64) -> Void = { _ in }
    ) throws(ClientError) -> GetSummary {
        let file = try LocalFile.inspect(sink.descriptor) { .sinkFailed(reason: $0) }
        let wasNonBlocking = file.block()
        defer { file.restore(wasNonBlocking) }
        let isPositional = sink.isSeekable && file.position != nil && !file.isAppending
        let streams = try engine(packetBytes: Limits.payloadBytes)
        var settings = GetSettings(key: key, engine: streams.settings)
        settings.location = wanted.location
        settings.offset = wanted.offset
        settings.length = wanted.length
        settings.span = span
        var session = GetSession(
            engine: streams, namespace: namespace,
            sink: PayloadFile(
                descriptor: sink.descriptor, position: isPositional ? file.position : nil),
            settings: settings, waiting: options.waiting)
        let summary = try session.run(progress)
        if isPositional, let start = file.position { file.stand(at: start + summary.length) }
        return summary
    }

    /// How long something goes on without progress, nanoseconds.
    private var span: UInt64 { UInt64(options.timeoutMilliseconds) * 1_000_000 }

    private func engine(packetBytes: Int) throws(ClientError) -> StreamEngine<KernelRing> {
        var settings = EngineSettings()
        settings.fit(packetBytes: packetBytes, bytes: options.bufferBytes)
        settings.fit(timeout: options.timeoutMilliseconds)
        settings.controls = 1
        settings.calls = PutSession.mostCalls
        settings.callsPerControl = settings.calls
        settings.callTimeout = min(span, PutMachine.shortCall)
        var ring = KernelRing.Settings()
        ring.submissions = 64
        ring.completions = 1024
        // A client's sockets and files are plain descriptors, so no limit of open files stands in
        // the way.
        ring.files = 1
        do throws(RingFailure) {
            return try StreamEngine(ring: KernelRing(ring), settings: settings)
        } catch {
            throw .ringUnavailable(reason: error.description)
        }
    }
}
