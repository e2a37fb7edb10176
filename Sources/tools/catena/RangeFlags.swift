import ArgumentParser
import Client

/// Which part of a value.
struct RangeFlags: ParsableArguments {
    @Option(help: .init("Start here in the value.", valueName: "size"))
    var offset: SizeArgument?

    @Option(help: .init("Take this many bytes (default: to the end).", valueName: "size"))
    var length: SizeArgument?

    /// What a progress bar may count on: `nil` when only the namenode knows.
    var total: UInt64? { length?.bytes }

    func options(_ location: String) -> GetOptions {
        var options = GetOptions()
        options.location = location
        options.offset = offset?.bytes ?? 0
        options.length = length?.bytes ?? 0
        return options
    }

    func validate() throws {
        if let length, length.bytes == 0 { throw ValidationError("--length is at least 1") }
    }
}
