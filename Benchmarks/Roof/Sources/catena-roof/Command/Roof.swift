import ArgumentParser
import Glibc

@main
struct Roof: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catena-roof",
        abstract: "What this machine gives to the barest program that moves the same bytes.",
        discussion: """
            A process per hop, one thread and one io_uring ring each; no protocol, checksum, \
            token or metadata. Files named roof.N stay in --dir, so that a second run writes \
            over extents that exist: run twice, quote the second.

            EXAMPLES
              catena-roof write --dir /data --mib 1024
              catena-roof read --dir /data --mib 1024
              catena-roof ping --dir /data --count 5000 --json
            """,
        subcommands: [WriteCommand.self, ReadCommand.self, PingCommand.self, HopCommand.self])

    /// Prints what `body` measured; a failure ends with EX_IOERR.
    static func report(json: Bool, _ body: () throws(RoofFailure) -> Report) throws {
        do throws(RoofFailure) {
            let report = try body()
            print(json ? report.json : report.text)
        } catch {
            error.tell(as: "catena-roof")
            throw ExitCode(EX_IOERR)
        }
    }
}
