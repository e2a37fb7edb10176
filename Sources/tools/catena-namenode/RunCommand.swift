import ArgumentParser
import Control
import Dispatch
import Foundation
import Glibc
import Logging

struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Serve a formatted namespace until SIGTERM.",
        discussion: """
            The content of the namespace (keys, blocks, leases) is kept in memory for now: it \
            ends with this process. Blocks that datanodes still hold from an earlier run are \
            counted as stray and are \
            never deleted.

            Exit status: 0 after SIGTERM or SIGINT, 64 wrong flags, 65 damaged directory, 66 not \
            formatted, 69 address or port not available, 75 another namenode uses the directory, \
            78 bad location map.
            """)

    @OptionGroup var options: RunOptions

    func run() throws {
        let settings = try options.settings()
        LogLines.bootstrap(asJSON: options.logFormat == .json)
        let log = Logger(label: "namenode")
        let map = try locationMap(settings)
        let directory: NamespaceDirectory
        do {
            directory = try NamespaceDirectory.open(settings.directory)
            // Held until the process ends.
            _ = try NamespaceDirectory.lock(settings.directory)
        } catch {
            throw Complaint.exit(error)
        }
        NamenodeService.raiseDescriptorLimit(log: log)
        log.warning("the namespace is in memory only: keys end with this process")
        let server = NamenodeService.server(directory, settings: settings, map: map, log: log)
        let done = DispatchSemaphore(value: 0)
        let port: UInt16
        do {
            port = try server.start()
        } catch {
            throw Complaint.exit("cannot \(error)", EX_UNAVAILABLE)
        }
        let signals = NamenodeService.signals(stopping: server, done: done, log: log)
        log.info(
            "listening",
            metadata: [
                "host": "\(settings.listenHost)", "port": "\(port)",
                "cluster": "\(directory.cluster)",
            ])
        if let file = settings.portFile {
            do { try DurableFile.replace(file, mode: 0o644, text: "\(port)\n") } catch {
                throw Complaint.exit(error)
            }
        }
        done.wait()
        for source in signals { source.cancel() }
        log.info("stopped")
    }

    private func locationMap(_ settings: NamenodeSettings) throws -> LocationMap {
        guard let file = settings.locationMapFile else { return LocationMap() }
        let text: String
        do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
            throw Complaint.exit("\(file) cannot be read", EX_NOINPUT)
        }
        do { return try LocationMap(parsing: text) } catch {
            throw Complaint.exit("\(file), line \(error.line): \(error.reason)", EX_CONFIG)
        }
    }
}
