import ArgumentParser
import Control
import ControlClient
import Glibc
import ToolSupport

@main
struct NamenodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catena-namenode",
        abstract: "Catena's namenode: it knows keys, blocks, leases and datanodes.",
        discussion: """
            A new cluster begins with an explicit format, which makes a namespace and the secret \
            that its datanodes share:

              catena-namenode format --dir /var/lib/catena/namenode
              catena-namenode run --dir /var/lib/catena/namenode --listen 0.0.0.0:7400

            Copy cluster.secret from that directory to each datanode. No byte of a key passes \
            through the namenode: clients move data to and from datanodes.
            """,
        subcommands: [
            FormatCommand.self, RunCommand.self, CheckCommand.self, BackupCommand.self,
            RestoreCommand.self, AcceptCommand.self, ExportCommand.self, FillCommand.self,
            SettingsCommand.self, MetricsCommand.self,
        ])

    static func main() { Program.run(Self.self) }
}

struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Print the settings of run.")

    func run() throws {
        try presenting("catena-namenode", json: false, prints: true) {
            var tables = ReferenceTables()
            tables.add("catena-namenode run", RunTable.self)
            try tables.show()
        }
    }
}

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print the names of what a namenode counts.")

    func run() throws {
        try presenting("catena-namenode", json: false, prints: true) {
            var tables = ReferenceTables()
            tables.add("Metrics of the namenode", NamenodeCounters.metrics)
            try tables.show()
        }
    }
}

extension DirectoryFailure: Presentable {
    public var sentence: String { description }

    public var kind: FailureKind {
        switch self {
        case .exists: .exists
        case .notFormatted: .notFound
        case .damaged: .corrupt
        case .newerFormat, .backup: .configuration
        case .locked: .retryLater
        case .system(_, let failure):
            switch failure.code {
            case _ where failure.isDenied: .denied
            // Exit status 73: the directory cannot be made or filled.
            case EROFS, ENOSPC, ENOENT, ENOTDIR: .exists
            default: .io
            }
        }
    }
}

extension StoreFailure: Presentable {
    public var sentence: String { reason }
    public var kind: FailureKind { isRefusedByDisk ? .io : .corrupt }
}
