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

    @OptionGroup var flags: SettingFlags<BenchTable>

    func run() throws {
        try presentingDaemon("catena-datanode") {
            let layers = try flags.layers()
            let options = try flags.target(layers)
            let log = options.daemon.logger("datanode", layers)
            let configuration = try options.benchConfiguration(layers)
            let stop = StopSignal()
            DaemonSignals.stopping(log) { stop.set() }
            let service = try BenchService(configuration, stop, log)
            if let path = options.daemon.portFile {
                try PortFile.write(service.address.port, to: path)
            }
            service.run(until: stop)
            log.info("stopped")
        }
    }
}
