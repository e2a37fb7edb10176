import ArgumentParser
import DataPath
import ToolSupport

@main
struct DatanodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catena-datanode",
        abstract: "Catena's datanode: it keeps blocks and passes them along a chain.",
        discussion: """
            One process serves all data directories of a host, normally one per NVMe device. It \
            registers with the namenode, proves the cluster's secret, and reports its blocks.

              catena-datanode probe --dir /data/nvme0
              catena-datanode run --namenode 10.0.0.1:7400 \\
                  --secret-file /etc/catena/cluster.secret \\
                  --dir /data/nvme0 --dir /data/nvme1 --listen 10.0.0.11:7500

            Every setting may stand in a YAML file (--config, or /etc/catena/datanode.yaml) and \
            in the environment (CATENA_NAMENODE for namenode); flags win over the environment, \
            which wins over the file.
            """,
        subcommands: [
            RunCommand.self, BenchCommand.self, ProbeCommand.self, SettingsCommand.self,
            MetricsCommand.self,
        ])

    static func main() { Program.run(Self.self) }
}

struct SettingsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings", abstract: "Print the settings of run and bench."
    )

    func run() throws {
        try presenting("catena-datanode", json: false, prints: true) {
            var tables = ReferenceTables()
            tables.add("catena-datanode run", RunTable.self)
            tables.add("catena-datanode bench", BenchTable.self)
            try tables.show()
        }
    }
}

struct MetricsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "metrics", abstract: "Print the names of what a datanode counts.")

    func run() throws {
        try presenting("catena-datanode", json: false, prints: true) {
            var tables = ReferenceTables()
            tables.add("Metrics of a datanode", DatanodeCounters.metrics)
            try tables.show()
        }
    }
}
