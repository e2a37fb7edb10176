import ControlClient
import DataPath
import Reactor
import System
import ToolSupport
import Wire

extension DatanodeOptions {
    static let wildcards = ["0.0.0.0", "::"]

    /// A cluster's datanode; what is missing is a sentence that names the setting.
    func configuration(_ layers: Settings) throws(ToolFailure) -> DatanodeService.Configuration {
        let namenode = try layers.required("namenode", namenode)
        let listen = try readListen(layers)
        var configuration = DatanodeService.Configuration(
            namenode: namenode, secret: try readSecret(layers),
            directories: try readDirectories(layers), listen: listen)
        configuration.advertise = advertise
        configuration.location = location
        configuration.settings = settings
        configuration.host = hostSettings
        return configuration
    }

    func benchConfiguration(
        _ layers: Settings
    ) throws(ToolFailure) -> BenchService.Configuration {
        let listen = try readListen(layers)
        var configuration = BenchService.Configuration(
            secret: try readSecret(layers), directories: try readDirectories(layers),
            listen: listen)
        configuration.advertise = advertise
        configuration.keepBytes = keep
        configuration.settings = settings
        configuration.settings.scrubPeriod = 0
        configuration.host = hostSettings
        return configuration
    }

    private var settings: DatanodeSettings {
        var settings = node
        settings.streamIdleTimeout = max(settings.idleTimeout, settings.progressTimeout) * 5
        return settings
    }

    private var hostSettings: HostSettings {
        var settings = host
        settings.reactors = reactors ?? max(1, host.pin.count)
        return settings
    }

    private func readDirectories(_ layers: Settings) throws(ToolFailure) -> [String] {
        try layers.required("dir", directories.isEmpty ? nil : directories)
    }

    private func readListen(_ layers: Settings) throws(ToolFailure) -> SocketAddress {
        let listen = try layers.required("listen", listen)
        guard advertise != nil || !Self.wildcards.contains(listen.host) else {
            throw ToolFailure(
                .configuration,
                "--listen \(listen.host) is no address that others can connect to: "
                    + "give --advertise too")
        }
        return listen
    }

    /// The secret as `catena-namenode format` writes it: 64 hexadecimal digits.
    private func readSecret(_ layers: Settings) throws(ToolFailure) -> [UInt8] {
        let path = try layers.required("secret-file", secretFile)
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
