import ArgumentParser
import Control
import Dispatch
import Foundation
import Glibc
import Logging
import System
import ToolSupport

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve a formatted namespace until SIGTERM.",
        discussion: """
            Every change of the namespace is in its database, on stable storage, before it is \
            answered. A write that fails ends the process: nothing that it covered was answered.

            Exit status: 0 after SIGTERM or SIGINT, 64 wrong flags, 65 damaged directory or a log \
            that lost its end, 66 not formatted, 69 address or port not available, 74 the \
            directory is gone or cannot be written, 75 another namenode uses the directory, 78 \
            bad location map, or a backup.
            """)

    @OptionGroup var flags: SettingFlags<RunTable>

    func run() throws {
        try presentingDaemon("catena-namenode") {
            let layers = try flags.layers()
            let options = try flags.target(layers)
            let settings = try options.settings(layers)
            let log = options.daemon.logger("namenode", layers)
            try serve(settings, log)
        }
    }

    private func serve(_ settings: NamenodeSettings, _ log: Logger) throws {
        let map = try locationMap(settings)
        let directory = try formatted(settings.directory).served()
        // Held until the process ends.
        _ = try NamespaceDirectory.lock(settings.directory)
        var settings = settings
        settings.bounds.connections = NamenodeService.connections(
            atMost: settings.bounds.connections, log: log)
        try ProcessLimits.demand(descriptors: NamenodeService.ownDescriptors)
        try ProcessLimits.demand(threads: NamenodeService.ownThreads)
        if try directory.upgrade() {
            log.warning(
                "the directory was of format 1, whose namespace was in memory: it begins empty")
        }
        let store = try directory.store.open(
            cluster: directory.cluster, now: BootClock.milliseconds,
            boot: try NamenodeService.boot())
        for remark in store.remarks { log.warning("\(remark)") }
        let server = NamenodeService.server(
            directory, settings: settings, map: map, store: store,
            faults: try NamenodeService.faults(log: log), log: log)
        let done = DispatchSemaphore(value: 0)
        let port: UInt16
        do {
            port = try server.start()
        } catch {
            throw ToolFailure(.unavailable, "cannot \(error)")
        }
        DaemonSignals.stopping(log) { server.stop { done.signal() } }
        log.info(
            "listening",
            metadata: [
                "host": "\(settings.listenHost)", "port": "\(port)",
                "cluster": "\(directory.cluster)",
            ])
        if let file = settings.portFile {
            try DurableFile.replace(file, mode: 0o644, text: "\(port)\n")
        }
        done.wait()
        try store.close()
        log.info("stopped")
    }

    private func formatted(_ path: String) throws -> NamespaceDirectory {
        do throws(DirectoryFailure) {
            return try NamespaceDirectory.open(path)
        } catch .notFormatted(let path) {
            throw ToolFailure(
                .notFound,
                "\(path) holds no namespace; make one with: catena-namenode format --dir \(path)")
        }
    }

    private func locationMap(_ settings: NamenodeSettings) throws -> LocationMap {
        guard let file = settings.locationMapFile else { return LocationMap() }
        let text: String
        do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
            throw ToolFailure(.notFound, "\(file) cannot be read")
        }
        do { return try LocationMap(parsing: text) } catch {
            throw ToolFailure(.configuration, "\(file), line \(error.line): \(error.reason)")
        }
    }
}
