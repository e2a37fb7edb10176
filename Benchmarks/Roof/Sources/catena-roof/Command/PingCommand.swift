import ArgumentParser

struct PingCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping",
        abstract: "One packet in flight, answered when every hop has written it.")

    @Option(help: .init("Processes in the chain.", valueName: "count"))
    var hops = 3
    @Option(help: .init("Round trips.", valueName: "count"))
    var count = 5_000
    @Option(help: .init("Bytes in a packet, a multiple of 4096.", valueName: "bytes"))
    var packet = 4_096
    @Option(help: "How a hop waits: blocking, ring or frames.")
    var loop = EchoLoop.blocking
    @OptionGroup var options: RunOptions

    func validate() throws {
        try checkHops(hops)
        try checkPacket(packet)
        guard count > 0 else { throw ValidationError("--count is at least 1") }
    }

    func run() throws {
        try Roof.report(json: options.json) { () throws(RoofFailure) in
            let plan = Plan(
                mode: .ping, packet: packet, count: count, depth: 1, medium: options.medium,
                directory: options.dir, loop: loop)
            return Report(plan, hops: hops, try Measurement.take(plan, hops: hops))
        }
    }
}
