import ArgumentParser
import Client
import System
import ToolSupport
import Wire

struct Admin: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look after the cluster: datanodes, scrubs, stray blocks.",
        subcommands: [Report.self, AdminScrub.self, AdminStrays.self])
}

extension Identifier: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// A block's number as every tool shows it: 16 hexadecimal digits.
struct BlockArgument: ExpressibleByArgument {
    let block: BlockID

    init?(argument: String) {
        guard (1...16).contains(argument.utf8.count), let number = UInt64(hexadecimal: argument),
            number > 0, argument.first != "+"
        else { return nil }
        block = BlockID(number)
    }
}
