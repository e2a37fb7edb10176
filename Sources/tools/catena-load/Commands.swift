import ArgumentParser
import Load

struct PutLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "put", abstract: "Write objects (default: 16 of 64 MiB).")

    @OptionGroup var flags: LoadFlags

    func run() throws { try flags.run(.put) }
}

struct GetLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get", abstract: "Read and check objects that put left (default: 16).")

    @OptionGroup var flags: LoadFlags

    func run() throws { try flags.run(.get) }
}

struct MixedLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mixed",
        abstract: "Write objects, and read ones written before (default: for 10 s).")

    @OptionGroup var flags: LoadFlags

    func run() throws { try flags.run(.mixed) }
}

struct MetaLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meta",
        abstract: "Whole CREATE+ADDBLOCK+CLOSE cycles, then OPENs, each for --duration or --count.",
        discussion: """
            --streams connections to the namenode (default: 64 in all) have --depth calls in \
            flight each (default: 1). No datanode is written to: a cycle's block is planned and \
            left out of CLOSE. What OPEN opens are 64 objects of one 4-KiB block, put before.
            """)

    @OptionGroup var flags: LoadFlags

    func run() throws { try flags.run(.meta) }
}

struct PingLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "One frame of --packet (default: 4 KiB) at a time, until the chain acked it.",
        discussion: """
            Frames go to one open block, and to the next when it is full; nothing is left behind. \
            --durability is received or written (the default), --depth frames are in flight \
            (default: 1), --count is 5,000.
            """)

    @OptionGroup var flags: LoadFlags

    func run() throws { try flags.run(.ping) }
}
