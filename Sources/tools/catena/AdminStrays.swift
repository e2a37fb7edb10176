import ArgumentParser
import Client
import ToolSupport
import Wire

struct AdminStrays: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "strays",
        abstract: "Show blocks on datanodes that the namespace does not know, or delete them.",
        discussion: """
            A datanode never deletes such a block by itself. --delete has the namenode say the \
            word for those it has shown for a while (its --stray-delay-ms). A block whose number \
            this namespace has never given is always kept: the namespace is then an older one, \
            put back from a backup, and the block may be somebody's only copy.

            EXAMPLES
              catena admin strays
              catena admin strays --node 5f2e0a4c-0000-4000-8000-000000000001 --delete
            """)

    @Option(help: .init("Of this datanode alone.", valueName: "id"))
    var node: NodeID?

    @Flag(help: "Delete them.")
    var delete = false

    @OptionGroup var flags: ClientFlags

    func run() throws {
        try flags.run { client, _ in
            let list = try client.namespace.strays(node: node, delete: delete)
            try StandardStream.output.writeResult(flags.json ? json(list) : text(list))
        }
    }

    private func text(_ list: StrayList) -> String {
        var table = Table([
            ("BLOCK", .left), ("EPOCH", .right), ("LENGTH", .right), ("SEEN", .right),
            ("STATE", .left), ("ADDRESS", .left), ("FILE", .left),
        ])
        for stray in list.strays {
            table.add([
                "\(stray.block)", "\(stray.epoch)", "\(stray.length)",
                TimeSpan.format(Int64(clamping: stray.seenMilliseconds)) + " ago",
                stray.isDeleting ? "deleting" : stray.isForeign ? "foreign" : "kept",
                stray.address, stray.path,
            ])
        }
        var out = list.strays.isEmpty ? "" : table.text
        out += counted(list.total, "stray block")
        if UInt64(list.strays.count) < list.total { out += ", \(list.strays.count) shown" }
        if delete || list.deleting > 0 { out += ", \(list.deleting) to be deleted" }
        if list.kept > 0 { out += ", \(list.kept) kept: foreign, or not shown for long enough" }
        return out + "\n"
    }

    private func json(_ list: StrayList) -> String {
        let strays = list.strays.map { stray in
            JSONValue.object([
                ("block", .string("\(stray.block)")), ("epoch", .unsigned(stray.epoch.number)),
                ("length", .unsigned(stray.length)), ("node", .string("\(stray.node)")),
                ("address", .string(stray.address)), ("device", .string("\(stray.device)")),
                ("path", .string(stray.path)),
                ("seen_milliseconds", .unsigned(stray.seenMilliseconds)),
                ("foreign", .bool(stray.isForeign)), ("deleting", .bool(stray.isDeleting)),
            ])
        }
        return JSONLine([
            ("total", .unsigned(list.total)), ("deleting", .unsigned(list.deleting)),
            ("kept", .unsigned(list.kept)), ("strays", .array(strays)),
        ]).text
    }
}
