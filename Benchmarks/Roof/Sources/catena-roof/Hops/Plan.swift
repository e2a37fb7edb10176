import ArgumentParser

/// What is measured.
enum Mode: String, ExpressibleByArgument {
    case write, read, ping
}

/// What client and hops agree on before the first byte.
struct Plan {
    var mode: Mode
    var packet: Int
    /// How many packets; a total that is not a whole number of them is cut.
    var count: Int
    var depth: Int
    var medium: Medium
    var directory: String
    var loop = EchoLoop.blocking

    var bytes: Int { packet * count }
}
