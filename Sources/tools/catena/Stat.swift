import ArgumentParser
import Client
import ToolSupport

struct Stat: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show a key: its length, its blocks and the chain of each.",
        discussion: """
            EXAMPLES
              catena stat photos/2026/photo.jpg
              catena stat --json photos/2026/photo.jpg | jq '.blocks[].chain'
            """)

    @Argument(help: "The key.")
    var key: String

    @OptionGroup var flags: ClientFlags

    func run() throws {
        try flags.run { client, _ in
            let info = try client.namespace.info(key)
            try StandardStream.output.writeResult(flags.json ? json(info) : text(info))
        }
    }

    private func text(_ info: KeyInfo) -> String {
        var out = "key      \(shown(info.key))\n"
        if info.exists {
            out += "length   \(info.length) (\(ByteSize.format(info.length)))\n"
            out += "created  \(Timestamp.format(info.created, fraction: false))\n"
        } else {
            out += "length   none yet: the first value is being written\n"
        }
        if let open = info.open {
            out += "open     \(counted(open.length, "byte")) in "
            out += "\(counted(open.blocks, "block")), lease for "
            out += "\(TimeSpan.format(Int64(clamping: open.leaseMilliseconds))) more\n"
        }
        for (index, block) in info.blocks.enumerated() {
            out += "block \(index)  \(block.block) epoch \(block.epoch)  offset \(block.offset)  "
            out += "length \(block.length)  crc32c \(checksumText(block.checksum))\n"
            let chain = block.replicas.map { replica in
                // Where nobody said where a node is, the namenode's own word says nothing new.
                replica.location.isEmpty || replica.location.hasPrefix("/default/")
                    ? address(replica.node) : "\(address(replica.node)) (\(replica.location))"
            }
            out += "         " + (chain.isEmpty ? "no replica" : chain.joined(separator: " -> "))
            out += "\n"
        }
        return out
    }

    private func json(_ info: KeyInfo) -> String {
        let blocks = info.blocks.map { block in
            JSONValue.object([
                ("block", .string("\(block.block)")), ("epoch", .unsigned(block.epoch.number)),
                ("offset", .unsigned(block.offset)), ("length", .unsigned(block.length)),
                ("crc32c", .string(checksumText(block.checksum))),
                ("chain", .array(block.replicas.map(replicaJSON))),
            ])
        }
        let open = info.open.map { open in
            JSONValue.object([
                ("length", .unsigned(open.length)), ("blocks", .integer(Int64(open.blocks))),
                ("lease_milliseconds", .unsigned(open.leaseMilliseconds)),
            ])
        }
        return JSONLine([
            ("key", .string(info.key)), ("exists", .bool(info.exists)),
            ("length", .unsigned(info.length)),
            ("created", info.exists ? .string(Timestamp.format(info.created)) : .null),
            ("open", open ?? .null), ("blocks", .array(blocks)),
        ]).text
    }
}
