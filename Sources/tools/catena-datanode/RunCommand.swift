import ArgumentParser
import ControlClient
import DataPath
import Foundation
import Glibc
import Logging
import Reactor
import System
import ToolSupport

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Serve blocks until SIGTERM.")

    @OptionGroup var flags: SettingFlags<RunTable>

    func run() throws {
        try presentingDaemon("catena-datanode") {
            let layers = try flags.layers()
            let options = try flags.target(layers)
            let log = options.daemon.logger("datanode", layers)
            var configuration = try options.configuration(layers)
            configuration.faults = try Self.faults(log)
            let stop = StopSignal()
            DaemonSignals.stopping(log) { stop.set() }
            guard let service = try start(configuration, stop, log) else { return }
            if let path = options.daemon.portFile {
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

/// The file that tells a script which port was taken.
enum PortFile {
    /// Whole or not there, for a script that waits for the file.
    static func write(_ port: UInt16, to path: String) throws(ToolFailure) {
        let text = Array("\(port)\n".utf8)
        let temporary = path + ".new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            throw ToolFailure(.io, "cannot write \(temporary): \(errorText(errno))")
        }
        defer { close(file) }
        guard Glibc.write(file, text, text.count) == text.count, rename(temporary, path) == 0
        else { throw ToolFailure(.io, "cannot write \(path): \(errorText(errno))") }
    }
}
