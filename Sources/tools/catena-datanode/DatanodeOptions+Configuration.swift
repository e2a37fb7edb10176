import ControlClient
import DataPath
import Glibc
import Reactor
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
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw ToolFailure(
                .configuration,
                "cannot read the cluster secret \(path): \(errorText(errno)); "
                    + "copy cluster.secret from the namenode's directory")
        }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(file, &bytes, bytes.count)
        let digits = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).trimmed
        let secret = stride(from: 0, to: digits.utf8.count - 1, by: 2).compactMap {
            start -> UInt8? in
            let from = digits.utf8.index(digits.startIndex, offsetBy: start)
            let to = digits.utf8.index(from, offsetBy: 2)
            return UInt8(digits[from..<to], radix: 16)
        }
        guard digits.utf8.count == 64, secret.count == 32 else {
            throw ToolFailure(
                .configuration, "\(path) does not hold a cluster secret of 64 hexadecimal digits")
        }
        return secret
    }

    static func address(_ text: String) -> SocketAddress? {
        guard let colon = text.lastIndex(of: ":"),
            let port = UInt16(text[text.index(after: colon)...])
        else { return nil }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        return SocketAddress(host: host, port: port)
    }
}
