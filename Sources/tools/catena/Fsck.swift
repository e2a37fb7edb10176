import ArgumentParser
import Client
import ToolSupport

struct Fsck: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check how well values are kept: good, corrupt and missing copies of each block.",
        discussion: """
            Compares what the namespace has with what datanodes have reported; it reads no \
            payload ('catena admin scrub' does). A block is under-replicated while a good copy is \
            left, corrupt or missing when none is; it is awaited while datanodes that have yet to \
            report may have what lacks. Keys with something to tell are listed, all of \
            them with --blocks, --locations or --json.

            EXAMPLES
              catena fsck
              catena fsck photos/ --locations
              catena fsck --json | jq 'select(.missing > 0)'

            EXIT CODES
              0 healthy   1 under-replicated   2 missing or corrupt   66 no such key
              69 cluster unavailable   75 awaited: ask again when all datanodes have reported
            """)

    @Argument(help: "What the keys begin with.")
    var prefix = ""

    @Flag(help: "Show every block.")
    var blocks = false

    @Flag(help: "Show every block, and where its copies are.")
    var locations = false

    @OptionGroup var flags: ClientFlags

    func run() throws {
        let summary = try flags.run { client, _ in try check(client.namespace) }
        if let code = summary.exitCode { throw code }
    }

    private func check(_ namespace: NamespaceClient) throws -> FsckSummary {
        var cursor = namespace.health(prefix: prefix, blocks: blocks, locations: locations)
        var summary = FsckSummary()
        while let key = try cursor.next() {
            summary.add(key)
            if flags.json {
                try StandardStream.output.writeResult(json(key))
            } else if blocks || locations || !key.isHealthy {
                try StandardStream.output.writeResult(text(key))
            }
        }
        summary.incompleteReports = cursor.incompleteReports
        summary.deadNodes = cursor.deadNodes
        guard summary.keys > 0 || prefix.isEmpty else {
            throw ToolFailure(.notFound, "no key begins with '\(prefix)': nothing was checked")
        }
        try StandardStream.output.writeResult(flags.json ? summary.json : summary.text)
        return summary
    }

    // MARK: One key

    private func text(_ key: KeyHealth) -> String {
        var out = "\(shown(key.key))  \(counted(key.length, "byte")), "
        out += "\(counted(key.blocks, "block")): "
        var faults: [String] = []
        if key.missing > 0 { faults.append("\(key.missing) MISSING") }
        if key.corrupt > 0 { faults.append("\(key.corrupt) CORRUPT") }
        if key.awaited > 0 { faults.append("\(key.awaited) awaited") }
        if key.underReplicated > 0 { faults.append("\(key.underReplicated) under-replicated") }
        out += faults.isEmpty ? "healthy\n" : faults.joined(separator: ", ") + "\n"
        for block in key.detail {
            out += "  block \(block.block) epoch \(block.epoch)  offset \(block.offset)  "
            out += "length \(block.length)  live \(block.live) of \(block.wanted)"
            if block.corrupt > 0 { out += "  corrupt \(block.corrupt)" }
            if block.stale > 0 { out += "  stale \(block.stale)" }
            out += "\n"
            for copy in block.replicas {
                let place = copy.address.isEmpty ? "\(copy.node)" : copy.address
                out += "    \(copy.state)  \(place)"
                out += copy.location.isEmpty ? "\n" : "  \(copy.location)\n"
            }
        }
        return out
    }

    private func json(_ key: KeyHealth) -> String {
        var members: [(String, JSONValue)] = [
            ("key", .string(key.key)), ("length", .unsigned(key.length)),
            ("blocks", .integer(Int64(key.blocks))),
            ("under_replicated", .integer(Int64(key.underReplicated))),
            ("awaited", .integer(Int64(key.awaited))),
            ("corrupt", .integer(Int64(key.corrupt))), ("missing", .integer(Int64(key.missing))),
            ("wanted_replicas", .integer(Int64(key.wantedReplicas))),
            ("live_replicas", .integer(Int64(key.liveReplicas))),
            ("corrupt_replicas", .integer(Int64(key.corruptReplicas))),
            ("stale_replicas", .integer(Int64(key.staleReplicas))),
        ]
        if blocks || locations { members.append(("detail", .array(key.detail.map(blockJSON)))) }
        return JSONLine(members).text
    }

    private func blockJSON(_ block: KeyHealth.BlockState) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("block", .string("\(block.block)")), ("epoch", .unsigned(block.epoch.number)),
            ("offset", .unsigned(block.offset)), ("length", .unsigned(block.length)),
            ("wanted", .integer(Int64(block.wanted))), ("live", .integer(Int64(block.live))),
            ("corrupt", .integer(Int64(block.corrupt))),
            ("stale", .integer(Int64(block.stale))),
        ]
        if locations {
            let copies = block.replicas.map { copy in
                JSONValue.object([
                    ("node", .string("\(copy.node)")), ("address", .string(copy.address)),
                    ("location", .string(copy.location)), ("state", .string(copy.state)),
                ])
            }
            members.append(("replicas", .array(copies)))
        }
        return .object(members)
    }
}

extension KeyHealth {
    var isHealthy: Bool { underReplicated + awaited + corrupt + missing == 0 }
}
