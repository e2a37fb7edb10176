import ArgumentParser
import ControlClient
import DataPath
import Foundation
import Logging
import System
import ToolSupport

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve blocks until SIGTERM.")

    @OptionGroup var common: CommonFlags
    @OptionGroup var serving: ServingFlags

    @Option(help: .init("The namenode's address.", valueName: "host:port"))
    var namenode: String?

    @Option(
        help: .init(
            "/az/pod/rack/node/device (default: what the namenode's map says).",
            valueName: "location"))
    var location: String?

    @Option(
        help: .init(
            "Every block is read and compared within this many days (default: 7; 0: only when "
                + "asked for).", valueName: "days"))
    var scrubDays: String?

    @Option(
        help: .init(
            "The most of a device's time that goes to the scrub (default: 5).",
            valueName: "percent"))
    var scrubShare: String?

    private static let names = ["namenode", "location", "scrub-days", "scrub-share"]

    func run() throws {
        try presentingDaemon("catena-datanode") {
            let settings = try common.settings(
                fallback: "/etc/catena/datanode.yaml",
                known: ServingFlags.names.union(Self.names),
                flags: serving.given([
                    ("namenode", namenode), ("location", location), ("scrub-days", scrubDays),
                    ("scrub-share", scrubShare),
                ]))
            let log = try common.logger("datanode", settings)
            var configuration = try DatanodeSettingsReader(
                settings: settings, directories: serving.dir
            ).configuration()
            configuration.faults = try Self.faults(log)
            let stop = StopSignal()
            DaemonSignals.stopping(log) { stop.set() }
            guard let service = try start(configuration, stop, log) else { return }
            if let path = try settings.string("port-file") {
                try PortFile.write(service.address.port, to: path)
            }
            try service.run()
            log.info("stopped")
        }
    }

    /// What CATENA_FAULT asks for: tests with real processes set it, nobody else should.
    private static func faults(_ log: Logger) throws -> FaultList {
        guard let text = ProcessInfo.processInfo.environment["CATENA_FAULT"] else { return .none }
        let faults = try FaultList(text)
        log.warning("a fault is armed: this process will fail", metadata: ["fault": "\(text)"])
        return faults
    }

    /// `nil` when a signal came before it served.
    private func start(
        _ configuration: DatanodeService.Configuration, _ stop: StopSignal, _ log: Logger
    ) throws -> DatanodeService? {
        do throws(StartFailure) {
            return try DatanodeService(configuration, stop, log)
        } catch {
            guard error.cause == .stopped else { throw error }
            return nil
        }
    }
}

extension StartFailure: Presentable {
    public var sentence: String { description }

    public var kind: FailureKind {
        switch cause {
        case .configuration: .configuration
        case .directory, .full: .io
        case .taken: .retryLater
        case .system, .stopped: .unavailable
        }
    }
}
