import ArgumentParser
import ControlClient
import Load
import System
import ToolSupport

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Take part in loads that are started elsewhere with --hosts.",
        discussion: """
            Whoever reaches the address can have this host put load on any cluster: listen where \
            only the coordinator comes.

            EXAMPLES
              catena-load serve --listen 10.0.0.5:7800
            """)

    @Option(help: .init("Address and port; port 0 takes a free one.", valueName: "host:port"))
    var listen: String

    @Option(help: "text or json, one line an event.")
    var logFormat = EventLogHandler.Format.text

    func run() throws {
        try presenting("catena-load", prints: true) {
            let log = ToolLog.start("catena-load", level: .info, format: logFormat)
            let server = try HostServer(listen: try endpoint(), log: log)
            try StandardStream.output.writeResult("listening on \(server.address)\n")
            while true { server.serveNext() }
        }
    }

    private func endpoint() throws(ToolFailure) -> Endpoint {
        guard let endpoint = Endpoint(listening: listen) else {
            throw ToolFailure(.usage, "--listen is ADDRESS:PORT, not '\(listen)'")
        }
        return endpoint
    }
}

extension EventLogHandler.Format: ExpressibleByArgument {}
