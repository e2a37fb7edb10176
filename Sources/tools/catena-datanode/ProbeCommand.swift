import ArgumentParser
import ControlClient
import DataPath
import Reactor
import ToolSupport

struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract: "Say whether this host can run a datanode, and how fast its device answers.",
        discussion: """
            Checks the kernel's io_uring, locked memory and fixed files with the settings a \
            datanode would use, then writes and syncs a small file in the directory. \
            Exit status 0: fit; 69 or 74: not, and why.
            """)

    @Option(help: .init("A directory to write a test file in.", valueName: "directory"))
    var dir: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() throws {
        try presenting("catena-datanode", json: json) {
            let host = try HostProbe.ring(buffers: Budget())
            let device = try dir.map { path throws(StartFailure) in try HostProbe.device(path) }
            var fields: [(String, JSONValue)] = [
                ("io_uring", .string("usable")),
                ("registered_bytes", .unsigned(UInt64(host.registeredBytes))),
                ("optional", .array(host.optional.map { .string($0) })),
            ]
            if let device {
                fields += [
                    ("direct_io", .bool(device.isDirect)),
                    ("write_sync_p50_us", .number(device.syncMicroseconds.p50)),
                    ("write_sync_max_us", .number(device.syncMicroseconds.max)),
                    ("free_bytes", .unsigned(device.freeBytes)),
                ]
            }
            if json {
                try StandardStream.output.writeResult(JSONLine(fields).text)
            } else {
                for (name, value) in fields {
                    try StandardStream.output.writeResult("\(name): \(value.text)\n")
                }
            }
        }
    }
}
