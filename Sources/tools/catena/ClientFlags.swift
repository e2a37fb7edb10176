import ArgumentParser
import Client
import ControlClient
import ToolSupport

/// The flags that every command takes.
struct ClientFlags: ParsableArguments {
    @Option(help: .init("The namenode's address (CATENA_NAMENODE).", valueName: "host:port"))
    var namenode: String?

    @Option(
        help: .init(
            "How long to go on without progress (CATENA_TIMEOUT).", valueName: "duration"))
    var timeout: String?

    @Option(
        help: .init(
            "Where this client is, as /az/pod/rack/node: near replicas win (CATENA_LOCATION).",
            valueName: "location"))
    var location: String?

    @Option(help: .init("A YAML file with settings.", valueName: "file"))
    var config: String?

    @Flag(help: "Print JSON, one object a line; errors too.")
    var json = false

    /// The names a client's configuration file may hold.
    private static let known: Set<String> = ["namenode", "timeout", "location"]

    func settings() throws(ToolFailure) -> Settings {
        var flags: [String: [String]] = [:]
        flags["namenode"] = namenode.map { [$0] }
        flags["timeout"] = timeout.map { [$0] }
        flags["location"] = location.map { [$0] }
        return try Settings(
            file: config, fallback: "/etc/catena/client.yaml", known: Self.known, flags: flags,
            environment: processEnvironment())
    }

    /// A client, and the location to tell with requests.
    func connect() throws -> (client: CatenaClient, location: String) {
        let settings = try settings()
        if let warning = settings.warning { warn(warning, json: json) }
        guard let namenode = try settings.endpoint("namenode") else {
            throw ToolFailure(
                .configuration,
                "no namenode is known: give --namenode HOST:PORT or set CATENA_NAMENODE")
        }
        var options = ClientOptions()
        if let timeout = try settings.milliseconds("timeout", in: 1...86_400_000) {
            options.timeoutMilliseconds = timeout
        }
        if !json, StandardStream.error.isTerminal {
            options.waiting = { failure in
                // A progress bar may stand there.
                let line = "catena: \(failure.waiting(for: namenode))\n"
                StandardStream.error.write("\r\u{1b}[K" + line)
            }
        }
        let client = try CatenaClient(namenode: namenode, options: options)
        return (client, try settings.string("location") ?? "")
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
