import ControlClient
import DataPath
import Reactor
import System
import ToolSupport
import Wire

extension Setting where Target == DatanodeOptions {
    /// Whose datanode it is, where its blocks are and where it is reached.
    static var place: [Setting] {
        [
            .text(
                "secret-file", "file",
                "A file with the cluster's secret, as format made it. Required.",
                into: \.secretFile),
            Setting(
                "dir", .values("directory"), "A data directory, once for each device. Required."
            ) { (settings, target) throws(ToolFailure) in
                target.directories = try settings.paths("dir")
            },
            Setting(
                "listen", .value("address:port"),
                "The numeric address to listen on; port 0 takes a free one. Required."
            ) { (settings, target) throws(ToolFailure) in
                target.listen = try settings.listenAddress("listen")
            },
            .value(
                "advertise", "address", "The numeric address that others reach this node at.",
                standard: "the one it listens on", expected: "a numeric address",
                into: \.advertise,
                parse: {
                    SocketAddress(host: $0, port: 1) == nil
                        || DatanodeOptions.wildcards.contains($0) ? nil : $0
                }),
        ]
    }

    /// What every serving datanode takes, in a cluster or in none.
    static var serving: [Setting] { limits + devices + host }

    private static var limits: [Setting] {
        [
            nanoseconds(
                "progress-timeout-ms",
                "A begun frame, a connect, the next node's answer must be complete within this.",
                into: \.node.progressTimeout),
            nanoseconds(
                "idle-timeout-ms",
                "Silence that ends a connection without a stream; with one, five times as long.",
                into: \.node.idleTimeout),
            .integer(
                "payload-buffers", "count",
                "Buffers for frames: this many times packet-bytes and 12 KiB are locked.",
                in: 18...4_096, into: \.node.budget.payloadBuffers),
            Setting(
                "packet-bytes", .value("size"),
                "The longest payload of one frame; clients send 512 KiB.", standard: "1 MiB"
            ) { (settings, target) throws(ToolFailure) in
                guard let bytes = try settings.bytes("packet-bytes", in: (512 << 10)...(1 << 20))
                else { return }
                target.node.budget.packetBytes = Int(bytes)
                target.node.budget.readPacketBytes = min(
                    target.node.budget.readPacketBytes, target.node.budget.packetBytes)
            },
            .integer(
                "connections", "count",
                "At once; at most half without a valid token. Each takes an open file (ulimit -n).",
                in: 16...65_536, into: \.node.budget.connections),
            .integer(
                "write-streams", "count", "Blocks open for writing at once; more are told busy.",
                in: 1...65_536, into: \.node.budget.writeStreams),
            .integer(
                "read-streams", "count", "Ranges being read at once; more are told busy.",
                in: 1...65_536, into: \.node.budget.readStreams),
        ]
    }

    private static func nanoseconds(
        _ name: String, _ help: String, into path: SettingPath<Target, UInt64>
    ) -> Setting {
        Setting(
            name, .value("ms"), help, standard: "\(Target()[keyPath: path] / 1_000_000)"
        ) { (settings, target) throws(ToolFailure) in
            if let time = try settings.integer(name, in: 1...86_400_000) {
                target[keyPath: path] = UInt64(time) * 1_000_000
            }
        }
    }

    private static var devices: [Setting] {
        let most = UInt64(1) << 50
        return [
            .bytes(
                "recycle-bytes",
                "What files of deleted blocks keep for new ones, at most a tenth of the device.",
                in: 0...most, into: \.node.recycleBytes),
            .bytes(
                "preallocate", "Bytes of each device to write at start as files for new blocks.",
                in: 0...most, into: \.node.preallocateBytes),
            .bytes(
                "preallocate-block", "Length of the blocks that such files are for.",
                in: UInt64(Limits.blockBytes.lowerBound)...UInt64(Limits.blockBytes.upperBound),
                into: \.node.preallocateBlock),
        ]
    }

    private static var host: [Setting] {
        [
            .value(
                "zero-copy", "mode", "auto: SEND_ZC where it pays; off: never.",
                standard: "auto", expected: "auto or off", into: \.node.mayZeroCopy,
                parse: { ["auto": true, "off": false][$0] }),
            .value(
                "congestion", "name",
                "TCP congestion control of data sockets; system: the host's.",
                standard: "cubic, else reno",
                expected: "system, or an algorithm this process may use, such as cubic",
                into: \.node.congestion,
                parse: {
                    if $0 == "system" { return .system }
                    return CongestionControl.isAvailable($0) ? CongestionControl(names: [$0]) : nil
                }),
            Setting(
                "reactors", .value("count"),
                "Threads that each serve a part of the blocks; every bound above is for each.",
                standard: "1, or one for each CPU of pin"
            ) { (settings, target) throws(ToolFailure) in
                target.reactors = try settings.integer(
                    "reactors", in: 1...HostSettings.mostReactors)
            },
            .value(
                "pin", "cpus", "One CPU for each reactor in order, such as 2-5,8.",
                expected: "a list of CPUs without repeats, such as 2-5,8", into: \.host.pin,
                parse: { CPUList.parse($0) }),
            .value(
                "numa", "auto|node",
                "The NUMA node of threads and buffers; auto: the NIC's, else the first device's.",
                standard: "anywhere", expected: "auto, or the number of a NUMA node",
                into: \.host.numa,
                parse: { text in
                    text == "auto" ? .auto : Int(text).flatMap { $0 >= 0 ? .node($0) : nil }
                }),
            .flag(
                "huge-pages",
                "Buffers in 2 MiB pages (vm.nr_hugepages), else in transparent ones, with a word.",
                into: \.node.usesHugePages),
        ]
    }
}
