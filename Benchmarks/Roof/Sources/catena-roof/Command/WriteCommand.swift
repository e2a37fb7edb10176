import ArgumentParser

struct WriteCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract: "Client to hop to hop, each writing what passes into a file of its own.")

    @Option(help: .init("Processes in the chain.", valueName: "count"))
    var hops = 3
    @OptionGroup var stream: StreamOptions
    @OptionGroup var options: RunOptions

    func validate() throws { try checkHops(hops) }

    func run() throws {
        try Roof.report(json: options.json) { () throws(RoofFailure) in
            let plan = stream.plan(.write, options)
            return Report(plan, hops: hops, try Measurement.take(plan, hops: hops))
        }
    }
}
