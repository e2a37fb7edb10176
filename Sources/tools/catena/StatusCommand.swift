import ArgumentParser
import Client
import ToolSupport

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the whole cluster on one screen.",
        discussion: """
            EXAMPLES
              catena status
              catena status --json | jq .live
            """)

    @OptionGroup var flags: ClientFlags

    func run() throws {
        try flags.run { client, _ in
            let status = try client.namespace.status()
            try StandardStream.output.writeResult(
                flags.json ? JSONLine(clusterJSON(status)).text : clusterText(status))
        }
    }
}

func clusterText(_ status: ClusterSummary) -> String {
    let enough = status.live >= status.needed ? "" : "  TOO FEW: new values are refused"
    let share = status.capacity > 0 ? Double(status.used) / Double(status.capacity) * 100 : 0
    let uptime = TimeSpan.format(Int64(clamping: status.uptimeMilliseconds))
    var damage = ""
    if status.corruptReplicas > 0 {
        damage += "; \(counted(status.corruptReplicas, "copy is", "copies are")) CORRUPT"
    }
    if status.strays > 0 { damage += "; \(counted(status.strays, "stray block"))" }
    let awaited = status.awaited > 0 ? ", \(status.awaited) awaited" : ""
    return """
        cluster    \(status.cluster)
        namenode   up \(uptime)
        datanodes  \(status.live) live, \(status.stale) stale, \(status.dead) dead\(awaited); \
        \(status.needed) needed\(enough)
        space      \(ByteSize.format(status.used)) of \(ByteSize.format(status.capacity)) used \
        (\(Int(share))%)
        values     \(counted(status.keys, "key")), \(counted(status.blocks, "block")), \
        \(status.leases) being written
        copies     \(status.replicas) by default; \
        \(counted(status.underReplicated, "block has", "blocks have")) too few, \
        \(counted(status.missing, "has", "have")) none\(damage)
        blocks     up to \(ByteSize.format(status.blockBytes))
        \(awaitedText(status))\(behindText(status))
        """
}

private func awaitedText(_ status: ClusterSummary) -> String {
    guard status.reportsIncomplete > 0 else { return "" }
    let nodes = counted(status.reportsIncomplete, "datanode has", "datanodes have")
    let blocks = counted(status.awaitedBlocks, "block")
    return "awaited    \(nodes) yet to name all they hold; \(blocks) without a known copy\n"
}

private func behindText(_ status: ClusterSummary) -> String {
    status.behind.map { "WARNING    \($0.sentence)\n" } ?? ""
}

func clusterJSON(_ status: ClusterSummary) -> [(String, JSONValue)] {
    [
        ("cluster", .string("\(status.cluster)")),
        ("live", .integer(Int64(status.live))), ("stale", .integer(Int64(status.stale))),
        ("dead", .integer(Int64(status.dead))), ("awaited", .integer(Int64(status.awaited))),
        ("needed", .integer(Int64(status.needed))),
        ("capacity_bytes", .unsigned(status.capacity)), ("used_bytes", .unsigned(status.used)),
        ("keys", .unsigned(status.keys)), ("blocks", .unsigned(status.blocks)),
        ("leases", .unsigned(status.leases)),
        ("under_replicated_blocks", .unsigned(status.underReplicated)),
        ("missing_blocks", .unsigned(status.missing)),
        ("awaited_blocks", .unsigned(status.awaitedBlocks)),
        ("reports_incomplete", .integer(Int64(status.reportsIncomplete))),
        ("corrupt_replicas", .unsigned(status.corruptReplicas)),
        ("stray_blocks", .unsigned(status.strays)),
        ("reports_complete", .integer(Int64(status.reportsComplete))),
        ("behind", status.behind.map(behindJSON) ?? .null),
        ("replicas", .integer(Int64(status.replicas))),
        ("block_bytes", .unsigned(status.blockBytes)),
        ("uptime_milliseconds", .unsigned(status.uptimeMilliseconds)),
    ]
}

private func behindJSON(_ behind: NamespaceBehind) -> JSONValue {
    .object([
        ("sentence", .string(behind.sentence)), ("node", .string("\(behind.node)")),
        ("commit", .unsigned(behind.commit)), ("own_commit", .unsigned(behind.ownCommit)),
        ("block", .unsigned(behind.block.number)), ("own_block", .unsigned(behind.ownBlock.number)),
    ])
}
