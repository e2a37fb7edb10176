import ArgumentParser
import Control
import ControlClient
import ToolSupport

/// The flags of `run`. Each may stand in a YAML file and in the environment too; what none of them
/// names keeps the default of `NamenodeSettings`.
struct RunOptions: ParsableArguments {
    @OptionGroup var common: CommonFlags

    @Option(help: "The directory that format made.")
    var dir: String?

    @Option(help: "Address and port to listen on; port 0 takes a free one. (default: 127.0.0.1:0)")
    var listen: String?

    @Option(help: "A file to write the bound port to, once the namenode listens.")
    var portFile: String?

    @Option(help: "Copies of a block, 1 to 5. (default: 3)")
    var replicas: String?

    @Option(
        help: """
            Refuse client traffic while fewer datanodes are live. (default: a majority of \
            --replicas)
            """)
    var minNodes: String?

    @Option(
        help: """
            The longest block of a writer that does not ask for another length, 64KiB to 1GiB. \
            (default: 128MiB)
            """)
    var blockBytes: String?

    @Option(help: "The longest block that a writer may ask for. (default: 1GiB)")
    var longestBlockBytes: String?

    @Option(help: "How often datanodes are to send a heartbeat. (default: 1000)")
    var heartbeatMs: String?

    @Option(help: "Silence after which a datanode gets no new blocks. (default: 3000)")
    var staleMs: String?

    @Option(help: "Silence after which a datanode has to register again. (default: 10000)")
    var deadMs: String?

    @Option(
        help: "How long a node that a client found silent is named last. (default: 30000)")
    var suspectMs: String?

    @Option(help: "How long a lease lasts without being renewed. (default: 60000)")
    var leaseMs: String?

    @Option(
        help: """
            How long the blocks of a deleted or replaced key stay for readers that have opened it. \
            (default: 3000)
            """)
    var deleteGraceMs: String?

    @Option(
        help: """
            How long a block that the namespace does not know is only listed, before \
            'catena admin strays --delete' can delete it. (default: 600000)
            """)
    var strayDelayMs: String?

    @Option(help: "How long a token lasts; no longer than a key rotation. (default: 600000)")
    var tokenMs: String?

    @Option(
        help: """
            How often the token-signing key changes. A key is honoured for two rotations; then \
            it is dropped, which revokes what it signed. (default: 600000)
            """)
    var keyRotationMs: String?

    @Option(
        help: """
            Lines of NODE LOCATION: NODE is a node id or host:port, LOCATION is /az/pod/rack/node. \
            For datanodes that do not state their own.
            """)
    var locationMap: String?

    private var flags: [String: String?] {
        [
            "dir": dir, "listen": listen, "port-file": portFile, "replicas": replicas,
            "min-nodes": minNodes, "block-bytes": blockBytes,
            "longest-block-bytes": longestBlockBytes, "heartbeat-ms": heartbeatMs,
            "stale-ms": staleMs, "dead-ms": deadMs, "suspect-ms": suspectMs, "lease-ms": leaseMs,
            "delete-grace-ms": deleteGraceMs, "stray-delay-ms": strayDelayMs,
            "token-ms": tokenMs,
            "key-rotation-ms": keyRotationMs, "location-map": locationMap,
        ]
    }

    /// File, environment and flags as one.
    func layers() throws(ToolFailure) -> Settings {
        try common.settings(
            fallback: "/etc/catena/namenode.yaml", known: Set(flags.keys),
            flags: flags.mapValues { $0.map { [$0] } ?? [] })
    }

    /// What the layers say, each mistake as a sentence that names the setting.
    func namenode(_ layers: Settings) throws(ToolFailure) -> NamenodeSettings {
        var settings = NamenodeSettings()
        settings.directory = try layers.required("dir", try layers.string("dir"))
        if let listen = try layers.listenAddress("listen") {
            (settings.listenHost, settings.listenPort) = (listen.host, listen.port)
        }
        settings.portFile = try layers.string("port-file")
        settings.locationMapFile = try layers.string("location-map")
        let counts = 1...1_000_000
        if let count = try layers.integer("replicas", in: counts) { settings.replicas = count }
        settings.minNodes = try layers.integer("min-nodes", in: counts)
        if let bytes = try layers.bytes("block-bytes") { settings.blockBytes = Int(bytes) }
        settings.longestBlockBytes = try layers.bytes("longest-block-bytes").map { Int($0) }
        try readTimes(layers, &settings)
        if let problem = settings.problems.first {
            throw ToolFailure(.usage, problem)
        }
        return settings
    }

    private func readTimes(
        _ layers: Settings, _ settings: inout NamenodeSettings
    ) throws(ToolFailure) {
        let times: [(String, WritableKeyPath<NamenodeSettings, Int64>)] = [
            ("heartbeat-ms", \.heartbeatMs), ("stale-ms", \.staleMs), ("dead-ms", \.deadMs),
            ("suspect-ms", \.suspectMs), ("lease-ms", \.leaseMs),
            ("delete-grace-ms", \.deleteGraceMs),
            ("stray-delay-ms", \.strayDelayMs), ("token-ms", \.tokenMs),
            ("key-rotation-ms", \.keyRotationMs),
        ]
        for (name, path) in times {
            if let time = try layers.integer(name, in: 0...Int(Int32.max)) {
                settings[keyPath: path] = Int64(time)
            }
        }
    }
}
