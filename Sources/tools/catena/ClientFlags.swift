import ArgumentParser
import Client
import ControlClient
import System
import ToolSupport

/// What a client's settings are read into.
struct ClientTarget: SettingTarget {
    var namenode: Endpoint?
    var location: String?
    var options = ClientOptions()
}

/// The settings of every command.
enum ClientTable: SettingTable {
    static let file = "/etc/catena/client.yaml"

    static let settings: [Setting<ClientTarget>] = [
        Setting("namenode", .value("host:port"), "The namenode's address (CATENA_NAMENODE).") {
            (settings, target) throws(ToolFailure) in
            target.namenode = try settings.endpoint("namenode")
        },
        Setting(
            "timeout", .value("duration"),
            "How long to go on without progress (CATENA_TIMEOUT), such as 250ms.",
            standard: "\(ClientOptions().timeoutMilliseconds / 1_000)s"
        ) { (settings, target) throws(ToolFailure) in
            if let timeout = try settings.milliseconds("timeout", in: 1...86_400_000) {
                target.options.timeoutMilliseconds = timeout
            }
        },
        .text(
            "location", "location",
            "Where this client is, as /az/pod/rack/node: near replicas win (CATENA_LOCATION).",
            into: \.location),
    ]
}

/// The flags that every command takes.
struct ClientFlags: ParsableArguments {
    @OptionGroup var settings: SettingFlags<ClientTable>

    @Flag(help: "Print JSON, one object a line; errors too.")
    var json = false

    /// A client, and the location to tell with requests.
    func connect() throws -> (client: CatenaClient, location: String) {
        let layers = try settings.layers()
        if let warning = layers.warning { warn(warning, json: json) }
        var target = try settings.target(layers)
        guard let namenode = target.namenode else {
            throw ToolFailure(
                .configuration,
                "no namenode is known: give --namenode HOST:PORT or set CATENA_NAMENODE")
        }
        if !json, StandardStream.error.isTerminal {
            target.options.waiting = { failure in
                // A progress bar may stand there.
                let line = "catena: \(failure.waiting(for: namenode))\n"
                StandardStream.error.write("\r\u{1b}[K" + line)
            }
        }
        let client = try CatenaClient(namenode: namenode, options: target.options)
        return (client, target.location ?? "")
    }

    /// Runs a command's body with a connected client and shows its failures.
    ///
    /// - Parameter prints: `false` for a command whose result is not on standard output.
    func run<Value>(
        prints: Bool = true, _ body: (CatenaClient, _ location: String) throws -> Value
    ) throws -> Value {
        try presenting(json: json, prints: prints) {
            do {
                let (client, location) = try connect()
                return try body(client, location)
            } catch ClientError.sinkClosed {
                Program.endWithoutReader()
                throw ClientError.sinkClosed
            }
        }
    }
}

/// Which part of a value.
struct RangeFlags: ParsableArguments {
    @Option(help: .init("Start here in the value.", valueName: "size"))
    var offset: SizeArgument?

    @Option(help: .init("Take this many bytes (default: to the end).", valueName: "size"))
    var length: SizeArgument?

    /// What a progress bar may count on: `nil` when only the namenode knows.
    var total: UInt64? { length?.bytes }

    func options(_ location: String) -> GetOptions {
        var options = GetOptions()
        options.location = location
        options.offset = offset?.bytes ?? 0
        options.length = length?.bytes ?? 0
        return options
    }

    func validate() throws {
        if let length, length.bytes == 0 { throw ValidationError("--length is at least 1") }
    }
}
