import ArgumentParser

/// The flags that every measurement takes.
struct RunOptions: ParsableArguments {
    @Option(help: "Where the hops' files are.")
    var dir = "/tmp"

    @Option(help: "Where a hop puts the bytes: none, cache or direct.")
    var medium = Medium.direct

    @Flag(help: "Print one JSON object.")
    var json = false
}

/// The flags of a measurement that moves many packets at once.
struct StreamOptions: ParsableArguments {
    @Option(help: .init("MiB to move.", valueName: "count"))
    var mib = 1_024

    @Option(help: .init("Bytes in a packet, a multiple of 4096.", valueName: "bytes"))
    var packet = 512 << 10

    @Option(help: .init("Packets a hop has room for.", valueName: "count"))
    var depth = 8

    func validate() throws {
        try checkPacket(packet)
        guard (1...64).contains(depth) else { throw ValidationError("--depth is from 1 to 64") }
        guard mib > 0, mib << 20 >= packet else {
            throw ValidationError("--mib holds at least one packet")
        }
    }

    func plan(_ mode: Mode, _ options: RunOptions) -> Plan {
        Plan(
            mode: mode, packet: packet, count: (mib << 20) / packet, depth: depth,
            medium: options.medium, directory: options.dir)
    }
}

func checkPacket(_ packet: Int) throws {
    guard packet > 0, packet % 4_096 == 0, packet <= 16 << 20 else {
        throw ValidationError("--packet is a multiple of 4096, at most 16 MiB")
    }
}

func checkHops(_ hops: Int) throws {
    guard (1...16).contains(hops) else { throw ValidationError("--hops is from 1 to 16") }
}
