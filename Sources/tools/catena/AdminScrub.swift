import ArgumentParser
import Client
import ToolSupport
import Wire

struct AdminScrub: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scrub",
        abstract: "Have blocks read and compared now, and show how far scrubs are.",
        discussion: """
            Every datanode reads each of its blocks within its --scrub-days. This asks for it \
            now: of every block, of one node's, or of one block. It goes on in the background, \
            within the share of the devices' time that --scrub-share gives; --status only shows. \
            What is found corrupt is not served any more, and shows in 'catena fsck'.

            EXAMPLES
              catena admin scrub
              catena admin scrub --node 5f2e0a4c-0000-4000-8000-000000000001
              catena admin scrub --block 00000000000004d2
              catena admin scrub --status --json
            """)

    @Option(help: .init("Of this datanode alone.", valueName: "id"))
    var node: NodeID?

    @Option(help: .init("Of this block alone.", valueName: "block"))
    var block: BlockArgument?

    @Flag(help: "Ask for nothing; show how far scrubs are.")
    var status = false

    @OptionGroup var flags: ClientFlags

    func run() throws {
        try flags.run { client, _ in
            let answer = try client.namespace.scrub(
                start: !status, node: node, block: block?.block)
            if flags.json {
                try StandardStream.output.writeResult(json(answer.asked, answer.nodes))
            } else {
                if !status {
                    StandardStream.error.write("asked \(counted(answer.asked, "datanode"))\n")
                }
                try StandardStream.output.writeResult(text(answer.nodes))
            }
        }
    }

    private func text(_ nodes: [NodeScrub]) -> String {
        var table = Table([
            ("NODE", .left), ("ADDRESS", .left), ("STATE", .left), ("DIRECTORY", .left),
            ("PASS", .right), ("DONE", .right), ("ASKED", .right), ("BLOCKS", .right),
            ("READ", .right), ("BAD", .right),
        ])
        for node in nodes {
            let asked = node.isAllWaiting ? "all" : "\(node.waiting)"
            if node.devices.isEmpty {
                table.add([
                    "\(node.node)", node.address, node.state, "-", "-", "-", asked, "-", "-",
                    "\(node.corrupt)",
                ])
            }
            for device in node.devices {
                let waiting = node.isAllWaiting ? "all" : "\(device.asked + node.waiting)"
                table.add([
                    "\(node.node)", node.address, node.state, device.path,
                    "\(device.passes + 1)", "\(device.passDone) of \(device.passBlocks)", waiting,
                    "\(device.blocks)", ByteSize.format(device.bytes), "\(device.bad)",
                ])
            }
        }
        return table.text
    }

    private func json(_ asked: Int, _ nodes: [NodeScrub]) -> String {
        let list = nodes.map { node in
            JSONValue.object([
                ("node", .string("\(node.node)")), ("address", .string(node.address)),
                ("state", .string(node.state)), ("waiting", .unsigned(node.waiting)),
                ("waiting_all", .bool(node.isAllWaiting)),
                ("corrupt_replicas", .unsigned(node.corrupt)),
                ("devices", .array(node.devices.map(scrubJSON))),
            ])
        }
        return JSONLine([("asked", .integer(Int64(asked))), ("datanodes", .array(list))]).text
    }

    private func scrubJSON(_ device: DeviceScrub) -> JSONValue {
        .object([
            ("device", .string("\(device.device)")), ("path", .string(device.path)),
            ("passes", .unsigned(device.passes)), ("pass_blocks", .unsigned(device.passBlocks)),
            ("pass_done", .unsigned(device.passDone)), ("pass_bytes", .unsigned(device.passBytes)),
            ("blocks", .unsigned(device.blocks)), ("bytes", .unsigned(device.bytes)),
            ("bad", .unsigned(device.bad)), ("asked", .unsigned(device.asked)),
        ])
    }
}
