import ArgumentParser
import Client
import ToolSupport

struct Report: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show every datanode and its devices.",
        discussion: """
            EXAMPLES
              catena report
              catena report --dead --json
            """)

    @Flag(help: "Only datanodes that are dead.")
    var dead = false

    @OptionGroup var flags: ClientFlags

    func run() throws {
        try flags.run { client, _ in
            guard flags.json else {
                let report = try client.namespace.report(deadOnly: dead)
                return try StandardStream.output.writeResult(text(report.nodes))
            }
            try StandardStream.output.writeResult(
                json(client.namespace.measuredReport(deadOnly: dead)))
        }
    }

    private func text(_ nodes: [NodeSummary]) -> String {
        var table = Table([
            ("NODE", .left), ("ADDRESS", .left), ("STATE", .left), ("HEARD", .right),
            ("BLOCKS", .right), ("STREAMS", .right), ("USED", .right), ("CAPACITY", .right),
            ("DEVICES", .right), ("CORRUPT", .right), ("STALE", .right), ("STRAY", .right),
            ("LOCATION", .left),
        ])
        for node in nodes {
            let failed = node.devices.count { $0.failed }
            let devices = "\(node.devices.count)" + (failed > 0 ? " (\(failed) failed)" : "")
            table.add([
                "\(node.node)", node.address,
                node.isSuspected ? "\(node.state), silent" : node.state,
                TimeSpan.format(Int64(clamping: node.lastContactMilliseconds)) + " ago",
                node.reportComplete ? "\(node.blocks)" : "\(node.blocks)+", "\(node.openStreams)",
                ByteSize.format(sum(node, \.used)), ByteSize.format(sum(node, \.capacity)),
                devices, "\(node.corrupt)", "\(node.stale)", "\(node.strays)", node.location,
            ])
        }
        return table.text
    }

    private func sum(_ node: NodeSummary, _ field: KeyPath<DeviceSummary, UInt64>) -> UInt64 {
        node.devices.reduce(0) { $0 &+ $1[keyPath: field] }
    }

    private func json(_ report: ClusterReport) -> String {
        let list = report.nodes.map { node in
            JSONValue.object([
                ("node", .string("\(node.node)")), ("address", .string(node.address)),
                ("location", .string(node.location)), ("state", .string(node.state)),
                ("suspected", .bool(node.isSuspected)),
                ("last_contact_milliseconds", .unsigned(node.lastContactMilliseconds)),
                ("blocks", .unsigned(node.blocks)),
                ("open_streams", .integer(Int64(node.openStreams))),
                ("report_complete", .bool(node.reportComplete)),
                ("software", .string(node.software)),
                ("corrupt_replicas", .unsigned(node.corrupt)),
                ("stale_replicas", .unsigned(node.stale)),
                ("stray_blocks", .unsigned(node.strays)),
                ("mismatched_reports", .unsigned(node.mismatches)),
                ("devices", .array(node.devices.map(deviceJSON))),
                ("metrics", node.metrics.map(metricsJSON) ?? .null),
            ])
        }
        return JSONLine(
            clusterJSON(report.status) + [
                ("metrics", metricsJSON(report.metrics)), ("datanodes", .array(list)),
            ]
        ).text
    }

    private func deviceJSON(_ device: DeviceSummary) -> JSONValue {
        .object([
            ("device", .string("\(device.device)")), ("path", .string(device.path)),
            ("location", .string(device.location)), ("capacity_bytes", .unsigned(device.capacity)),
            ("used_bytes", .unsigned(device.used)), ("free_bytes", .unsigned(device.free)),
            ("failed", .bool(device.failed)),
        ])
    }
}
