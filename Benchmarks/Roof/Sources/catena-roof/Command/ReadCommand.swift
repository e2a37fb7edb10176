import ArgumentParser

struct ReadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "One process's file to the client, as `write` left it.")

    @OptionGroup var stream: StreamOptions
    @OptionGroup var options: RunOptions

    func validate() throws {
        guard options.medium != .none else {
            throw ValidationError("a read needs --medium cache or direct")
        }
    }

    func run() throws {
        try Roof.report(json: options.json) { () throws(RoofFailure) in
            let plan = stream.plan(.read, options)
            return Report(plan, hops: 1, try Measurement.take(plan, hops: 1))
        }
    }
}
