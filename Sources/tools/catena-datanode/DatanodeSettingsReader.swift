import ControlClient
import DataPath
import Glibc
import Reactor
import System
import ToolSupport
import Wire

/// Turns settings into a datanode's configuration, each mistake into a sentence that names the
/// setting.
struct DatanodeSettingsReader {
    let settings: Settings
    /// From flags; otherwise the setting `dir` holds them, separated by commas.
    let directories: [String]

    func configuration() throws(ToolFailure) -> DatanodeService.Configuration {
        let namenode = try settings.required("namenode", try settings.endpoint("namenode"))
        let listen = try readListen()
        var configuration = DatanodeService.Configuration(
            namenode: namenode, secret: try readSecret(), directories: try readDirectories(),
            listen: listen)
        configuration.advertise = try readAdvertise(listen)
        configuration.location =
            try settings.parsed("location", "/az/pod/rack/node/device", Self.location) ?? ""
        try read(&configuration.settings)
        try readScrub(&configuration.settings)
        configuration.host = try readHost()
        return configuration
    }

    func benchConfiguration() throws(ToolFailure) -> BenchService.Configuration {
        let listen = try readListen()
        var configuration = BenchService.Configuration(
            secret: try readSecret(), directories: try readDirectories(), listen: listen)
        configuration.advertise = try readAdvertise(listen)
        configuration.keepBytes = try settings.bytes("keep")
        try read(&configuration.settings)
        configuration.host = try readHost()
        configuration.settings.isDeviceNull = try settings.flag("null-device") ?? false
        configuration.settings.isForwardNull = try settings.flag("null-forward") ?? false
        return configuration
    }

    private func read(_ target: inout DatanodeSettings) throws(ToolFailure) {
        try readTimes(&target)
        try readBudget(&target.budget)
        try readDevices(&target)
        target.usesHugePages = try settings.flag("huge-pages") ?? false
    }

    private func readHost() throws(ToolFailure) -> HostSettings {
        var host = HostSettings()
        host.pin =
            try settings.parsed("pin", "a list of CPUs without repeats, such as 2-5,8") {
                CPUList.parse($0)
            } ?? []
        host.reactors =
            try settings.integer("reactors", in: 1...HostSettings.mostReactors)
            ?? max(1, host.pin.count)
        host.numa =
            try settings.parsed("numa", "auto, or the number of a NUMA node") { text in
                text == "auto" ? .auto : Int(text).flatMap { $0 >= 0 ? .node($0) : nil }
            } ?? .anywhere
        return host
    }

    private func readDirectories() throws(ToolFailure) -> [String] {
        if !directories.isEmpty { return directories }
        let listed = try settings.required("dir", try settings.string("dir"))
        return listed.split(separator: ",").map { String($0).trimmed }
    }

    private func readListen() throws(ToolFailure) -> SocketAddress {
        try settings.required("listen", try settings.listenAddress("listen"))
    }

    private func readAdvertise(_ listen: SocketAddress) throws(ToolFailure) -> String? {
        let advertise = try settings.parsed("advertise", "a numeric address") {
            SocketAddress(host: $0, port: 1) == nil || Self.wildcards.contains($0) ? nil : $0
        }
        if advertise == nil, Self.wildcards.contains(listen.host) {
            throw ToolFailure(
                .configuration,
                "--listen \(listen.host) is no address that others can connect to: "
                    + "give --advertise too"
            )
        }
        return advertise
    }

    private static let wildcards = ["0.0.0.0", "::"]

    /// Five names, none of them empty.
    private static func location(_ text: String) -> String? {
        let names = text.split(separator: "/", omittingEmptySubsequences: false)
        return names.count == 6 && names[0].isEmpty && names.dropFirst().allSatisfy { !$0.isEmpty }
            ? text : nil
    }

    private func readTimes(_ target: inout DatanodeSettings) throws(ToolFailure) {
        let range = 1...86_400_000
        if let progress = try settings.integer("progress-timeout-ms", in: range) {
            target.progressTimeout = UInt64(progress) * 1_000_000
        }
        if let idle = try settings.integer("idle-timeout-ms", in: range) {
            target.idleTimeout = UInt64(idle) * 1_000_000
            target.streamIdleTimeout = max(target.idleTimeout, target.progressTimeout) * 5
        }
    }

    private func readScrub(_ target: inout DatanodeSettings) throws(ToolFailure) {
        let days =
            try settings.parsed("scrub-days", "a number of days from 0 to 3650, such as 7 or 0.5") {
                Double($0).flatMap { (0...3_650).contains($0) ? $0 : nil }
            } ?? 7
        target.scrubPeriod = UInt64(days * 86_400 * 1e9)
        if let share = try settings.integer("scrub-share", in: 1...100) {
            target.scrubShare = share
        }
    }

    private func readDevices(_ target: inout DatanodeSettings) throws(ToolFailure) {
        let most = UInt64(1) << 50
        if let bytes = try settings.bytes("recycle-bytes", in: 0...most) {
            target.recycleBytes = bytes
        }
        if let bytes = try settings.bytes("preallocate", in: 0...most) {
            target.preallocateBytes = bytes
        }
        if let bytes = try settings.bytes(
            "preallocate-block",
            in: UInt64(Limits.blockBytes.lowerBound)...UInt64(Limits.blockBytes.upperBound))
        {
            target.preallocateBlock = bytes
        }
        if let congestion = try settings.parsed(
            "congestion", "system, or an algorithm this process may use, such as cubic",
            {
                $0 == "system"
                    ? CongestionControl.system
                    : CongestionControl.isAvailable($0) ? CongestionControl(names: [$0]) : nil
            })
        {
            target.congestion = congestion
        }
        if let mode = try settings.parsed(
            "zero-copy", "auto or off", { ["auto", "off"].contains($0) ? $0 : nil })
        {
            target.mayZeroCopy = mode == "auto"
        }
    }

    private func readBudget(_ budget: inout Budget) throws(ToolFailure) {
        if let count = try settings.integer("payload-buffers", in: 18...4096) {
            budget.payloadBuffers = count
        }
        if let bytes = try settings.bytes("packet-bytes", in: (512 << 10)...(1 << 20)) {
            budget.packetBytes = Int(bytes)
            budget.readPacketBytes = min(budget.readPacketBytes, budget.packetBytes)
        }
        if let count = try settings.integer("connections", in: 16...65_536) {
            budget.connections = count
        }
        if let count = try settings.integer("write-streams", in: 1...65_536) {
            budget.writeStreams = count
        }
        if let count = try settings.integer("read-streams", in: 1...65_536) {
            budget.readStreams = count
        }
    }

    /// The secret as `catena-namenode format` writes it: 64 hexadecimal digits.
    private func readSecret() throws(ToolFailure) -> [UInt8] {
        let path = try settings.required("secret-file", try settings.string("secret-file"))
        do throws(SecretFile.Failure) {
            return try SecretFile.read(path)
        } catch {
            throw ToolFailure(
                .configuration,
                "the cluster secret \(path) \(error): "
                    + "copy cluster.secret from the namenode's directory")
        }
    }
}

extension String {
    var trimmed: String {
        let isSpace: (Character) -> Bool = { $0.isWhitespace || $0.isNewline }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
