import ArgumentParser
import ToolSupport

@main
struct CatenaLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catena-load",
        abstract: "Put a seeded, checkable load on a Catena cluster and measure it.",
        discussion: """
            put writes --count objects of --size and leaves them, get with the same --seed and \
            --count reads and checks them. --streams is how many objects are at work at once. \
            --depth is how many frames of each are in flight; when an object is no longer than \
            one frame (--packet), it is how many objects each stream has in flight.

            EXAMPLES
              export CATENA_NAMENODE=127.0.0.1:7400
              catena-load put --size 256MiB --count 16
              catena-load get --count 16
              catena-load put --size 4KiB --depth 64 --duration 10s --json
              catena-load put --size 64KiB --rate 500 --duration 1m --hdr put.hdr
              catena-load meta --streams 64
              catena-load ping --durability written

            Without a namenode, against 'catena-datanode bench' nodes:
              catena-load put --chain h1:7500,h2:7500,h3:7500 --secret-file bench.secret \\
                  --size 1GiB --count 8
            Nodes started with --null-device or --null-forward leave the device or the next node \
            out: what the load then gains is what that part costs. The text result names the \
            busiest process.

            On several hosts at once: 'catena-load serve --listen ADDRESS' on each, then
              catena-load put --hosts h1:7800,h2:7800 --size 256MiB --duration 30s

            EXIT CODES
              0 done   1 wrong bytes   64 wrong usage   66 no such key   69 cluster unavailable
              75 try again later   78 wrong configuration; other failures as in catena
            """,
        subcommands: [
            PutLoad.self, GetLoad.self, MixedLoad.self, MetaLoad.self, PingLoad.self,
            ServeCommand.self,
        ])

    static func main() { Program.run(Self.self) }
}
