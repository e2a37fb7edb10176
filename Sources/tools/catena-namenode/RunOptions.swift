import ArgumentParser
import Control

/// The flags of `run`; what they do not name keeps the default of `NamenodeSettings`.
struct RunOptions: ParsableArguments {
    @Option(help: "The directory that format made.")
    var dir: String

    @Option(help: "Address and port to listen on; port 0 lets the kernel choose one.")
    var listen = "127.0.0.1:0"

    @Option(help: "A file to write the bound port to, once the namenode listens.")
    var portFile: String?

    @Option(help: "Copies of a block, 1 to 5. (default: 3)")
    var replicas: Int?

    @Option(help: "Refuse client traffic while fewer datanodes are live. (default: --replicas)")
    var minNodes: Int?

    @Option(help: "The longest block, 65536 to 1073741824. (default: 134217728)")
    var blockBytes: Int?

    @Option(help: "How often datanodes are to send a heartbeat. (default: 1000)")
    var heartbeatMs: Int64?

    @Option(help: "Silence after which a datanode gets no new blocks. (default: 3000)")
    var staleMs: Int64?

    @Option(help: "Silence after which a datanode has to register again. (default: 10000)")
    var deadMs: Int64?

    @Option(help: "How long a lease lasts without being renewed. (default: 60000)")
    var leaseMs: Int64?

    @Option(help: "How long a token lasts, at most one key rotation. (default: 600000)")
    var tokenMs: Int64?

    @Option(
        help: """
            How often the token-signing key changes. A key is honoured for two rotations; then \
            it is dropped, which revokes what it signed. (default: 600000)
            """)
    var keyRotationMs: Int64?

    @Option(
        help: """
            Lines of NODE LOCATION: NODE is a node id or host:port, LOCATION is /az/pod/rack/node. \
            For datanodes that do not state their own.
            """)
    var locationMap: String?

    @Option(help: "json or text: one line per event on standard error.")
    var logFormat = LogFormat.text

    enum LogFormat: String, ExpressibleByArgument, CaseIterable {
        case json, text
    }

    func settings() throws -> NamenodeSettings {
        var settings = NamenodeSettings()
        guard let colon = listen.lastIndex(of: ":"),
            let port = UInt16(listen[listen.index(after: colon)...])
        else { throw ValidationError("--listen must be ADDRESS:PORT, not \"\(listen)\"") }
        let host = listen[..<colon].drop { $0 == "[" }
        settings.listenHost = String(host.last == "]" ? host.dropLast() : host)
        settings.listenPort = port
        settings.directory = dir
        settings.portFile = portFile
        settings.locationMapFile = locationMap
        settings.minNodes = minNodes
        func set<Value>(_ path: WritableKeyPath<NamenodeSettings, Value>, _ value: Value?) {
            if let value { settings[keyPath: path] = value }
        }
        set(\.replicas, replicas)
        set(\.blockBytes, blockBytes)
        set(\.heartbeatMs, heartbeatMs)
        set(\.staleMs, staleMs)
        set(\.deadMs, deadMs)
        set(\.leaseMs, leaseMs)
        set(\.tokenMs, tokenMs)
        set(\.keyRotationMs, keyRotationMs)
        if let problem = settings.problems.first { throw ValidationError(problem) }
        return settings
    }
}
