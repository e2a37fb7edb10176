import Control
import ControlClient
import System
import ToolSupport
import Wire

/// What the settings of `run` are read into.
struct RunOptions: DaemonTarget {
    var daemon = DaemonSettings()
    var directory: String?
    var listen: SocketAddress?
    var namenode = NamenodeSettings()

    /// A namenode's settings; what is missing, or fits nothing else, is a sentence that names it.
    func settings(_ layers: Settings) throws(ToolFailure) -> NamenodeSettings {
        var settings = namenode
        settings.directory = try layers.required("dir", directory)
        if let listen { (settings.listenHost, settings.listenPort) = (listen.host, listen.port) }
        settings.portFile = daemon.portFile
        if let problem = settings.problems.first { throw ToolFailure(.usage, problem) }
        return settings
    }
}

/// The settings of `catena-namenode run`.
enum RunTable: SettingTable {
    static let file = "/etc/catena/namenode.yaml"

    static let settings: [Setting<RunOptions>] =
        [
            .text(
                "dir", "directory", "The directory that format made. Required.", into: \.directory),
            Setting(
                "listen", .value("address:port"), "Where to listen; port 0 takes a free one.",
                standard: "127.0.0.1:0"
            ) { (settings, target) throws(ToolFailure) in
                target.listen = try settings.listenAddress("listen")
            },
        ] + blocks + times + [
            .text(
                "location-map", "file",
                "Lines of NODE LOCATION: NODE is an id or host:port, LOCATION /az/pod/rack/node.",
                into: \.namenode.locationMapFile)
        ] + Setting.daemon

    private static let blocks: [Setting<RunOptions>] = [
        .integer(
            "replicas", "count", "Copies of a block, 1 to 5.", in: Limits.chainNodes,
            into: \.namenode.replicas),
        Setting(
            "min-nodes", .value("count"),
            "K: client traffic is refused while fewer datanodes are live.",
            standard: "a majority of the replicas"
        ) { (settings, target) throws(ToolFailure) in
            target.namenode.minNodes = try settings.integer("min-nodes", in: counts)
        },
        Setting(
            "block-bytes", .value("size"),
            "The longest block of a writer that does not ask for another length, 64 KiB to 1 GiB.",
            standard: ByteSize.format(UInt64(NamenodeSettings().blockBytes))
        ) { (settings, target) throws(ToolFailure) in
            if let bytes = try settings.bytes("block-bytes", in: lengths) {
                target.namenode.blockBytes = Int(bytes)
            }
        },
        Setting(
            "longest-block-bytes", .value("size"), "The longest block that a writer may ask for.",
            standard: ByteSize.format(NamenodeSettings().mostBlockBytes)
        ) { (settings, target) throws(ToolFailure) in
            target.namenode.longestBlockBytes =
                try settings.bytes("longest-block-bytes", in: lengths).map { Int($0) }
        },
    ]

    private static let times: [Setting<RunOptions>] = [
        time(
            "heartbeat-ms", "How often a datanode sends a heartbeat.", from: 10, to: 60_000,
            \.namenode.heartbeatMs),
        time(
            "stale-ms", "Silence after which a datanode gets no new blocks.", \.namenode.staleMs),
        time("dead-ms", "Silence after which a datanode is dead.", \.namenode.deadMs),
        time(
            "suspect-ms",
            "How long a node that a client found silent is read last and gets no new blocks.",
            \.namenode.suspectMs),
        time(
            "lease-ms", "A lease that is not renewed for this ends; what was open is dropped.",
            from: 100, \.namenode.leaseMs),
        time(
            "delete-grace-ms",
            "How long blocks of a deleted or replaced key stay at least, for its readers.",
            \.namenode.deleteGraceMs),
        time(
            "stray-delay-ms",
            "How long a stray is only listed, before 'catena admin strays --delete' deletes it.",
            \.namenode.strayDelayMs),
        time(
            "token-ms", "A token's life, at most one rotation of its key.", from: 100,
            \.namenode.tokenMs),
        time(
            "key-rotation-ms",
            "How often the signing key changes; two changes later what it signed is void.",
            from: 100, \.namenode.keyRotationMs),
    ]

    private static let counts = 1...1_000_000

    private static let lengths =
        UInt64(Limits.blockBytes.lowerBound)...UInt64(Limits.blockBytes.upperBound)

    private static func time(
        _ name: String, _ help: String, from least: Int = 0,
        to most: Int = Int(NamenodeSettings.longestMs), _ path: SettingPath<RunOptions, Int64>
    ) -> Setting<RunOptions> {
        .milliseconds(name, help, in: least...most, into: path)
    }
}
