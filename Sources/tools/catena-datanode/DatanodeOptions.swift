import ControlClient
import DataPath
import Reactor
import System
import ToolSupport
import Wire

/// What the settings of `run` and `bench` are read into.
struct DatanodeOptions: DaemonTarget {
    var daemon = DaemonSettings()
    var namenode: Endpoint?
    var secretFile: String?
    var directories: [String] = []
    var listen: SocketAddress?
    var advertise: String?
    var location = ""
    var node = DatanodeSettings()
    var host = HostSettings()
    /// As given; one reactor for each CPU of `pin` otherwise.
    var reactors: Int?
    /// Bytes of sealed blocks that a bench node keeps.
    var keep: UInt64?

    init() {
        // A cluster's datanode scrubs; one for a load generator, and a test's, does so when told.
        node.scrubPeriod = Self.week
    }

    private static let week: UInt64 = 7 * 86_400 * 1_000_000_000
}

/// The settings of `catena-datanode run`.
enum RunTable: SettingTable {
    static let file = "/etc/catena/datanode.yaml"

    static let settings: [Setting<DatanodeOptions>] =
        [
            Setting("namenode", .value("host:port"), "The namenode's address. Required.") {
                (settings, target) throws(ToolFailure) in
                target.namenode = try settings.endpoint("namenode")
            }
        ] + Setting.place + [
            .value(
                "location", "location", "Where this node is: /az/pod/rack/node/device.",
                standard: "the namenode's map",
                expected: "/az/pod/rack/node/device", into: \.location, parse: location)
        ] + Setting.serving + [
            .value(
                "scrub-days", "days",
                "Each sealed block is read and compared within this many; 0: only when asked for.",
                standard: "7", expected: "a number of days from 0 to 3650, such as 7 or 0.5",
                into: \.node.scrubPeriod,
                parse: {
                    Double($0).flatMap {
                        (0...3_650).contains($0) ? UInt64($0 * 86_400 * 1e9) : nil
                    }
                }),
            .integer(
                "scrub-share", "percent", "The most of a device's time that goes to the scrub.",
                in: 1...100, into: \.node.scrubShare),
        ] + Setting.daemon

    /// Five names, none of them empty.
    private static func location(_ text: String) -> String? {
        let names = text.split(separator: "/", omittingEmptySubsequences: false)
        return names.count == 6 && names[0].isEmpty && names.dropFirst().allSatisfy { !$0.isEmpty }
            ? text : nil
    }
}

/// The settings of `catena-datanode bench`.
enum BenchTable: SettingTable {
    static let file = "/etc/catena/bench.yaml"

    static let settings: [Setting<DatanodeOptions>] =
        Setting.place + [
            Setting(
                "keep", .value("size"),
                "Bytes of sealed blocks to keep; the oldest beyond them are removed.",
                standard: "all"
            ) { (settings, target) throws(ToolFailure) in
                target.keep = try settings.bytes("keep")
            },
            .flag(
                "null-device", "Ack frames as written without writing them; reads are refused.",
                into: \.node.isDeviceNull),
            .flag(
                "null-forward", "End every chain here, whatever its length.",
                into: \.node.isForwardNull),
        ] + Setting.serving + Setting.daemon
}
