import ArgumentParser
import DataPath
import System
import ToolSupport

struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Serve a load generator without a namenode; blocks are scratch.",
        discussion: """
            A node of no cluster: whoever has the secret file (any 64 hexadecimal digits) derives \
            its id and signs its tokens. ITS BLOCKS ARE SCRATCH: what is in the directory from an \
            earlier run is removed at start. The directory must be new or a bench node's of the \
            same secret; a real cluster's is refused.

              openssl rand -hex 32 > bench.secret
              catena-datanode bench --secret-file bench.secret --dir /data/nvme0/bench \\
                  --listen 10.0.0.11:7500

            --null-device and --null-forward leave a part out, so that the rest can be measured \
            alone.
            """)

    @OptionGroup var common: CommonFlags
    @OptionGroup var serving: ServingFlags

    @Flag(help: "Ack frames as written without writing them; reads are refused.")
    var nullDevice = false

    @Flag(help: "End every chain here, whatever its length.")
    var nullForward = false

    @Option(
        help: .init(
            "Keep this much in sealed blocks and remove the oldest beyond it (default: all).",
            valueName: "size"))
    var keep: String?

    func run() throws {
        try presentingDaemon("catena-datanode") {
            let settings = try common.settings(
                fallback: "/etc/catena/bench.yaml",
                known: ServingFlags.names.union(["null-device", "null-forward", "keep"]),
                flags: serving.given([
                    ("null-device", nullDevice ? "true" : nil),
                    ("null-forward", nullForward ? "true" : nil), ("keep", keep),
                ]))
            let log = try common.logger("datanode", settings)
            let configuration = try DatanodeSettingsReader(
                settings: settings, directories: serving.dir
            ).benchConfiguration()
            let stop = StopSignal()
            DaemonSignals.stopping(log) { stop.set() }
            let service = try BenchService(configuration, stop, log)
            if let path = try settings.string("port-file") {
                try PortFile.write(service.address.port, to: path)
            }
            service.run(until: stop)
            log.info("stopped")
        }
    }
}
