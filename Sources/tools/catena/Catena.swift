import ArgumentParser
import ToolSupport

@main
struct Catena: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catena",
        abstract: "Store, read and manage values in a Catena cluster.",
        discussion: """
            Every command needs the namenode's address: --namenode HOST:PORT, or the \
            variable CATENA_NAMENODE, or 'namenode' in a --config file.

            EXAMPLES
              export CATENA_NAMENODE=127.0.0.1:7400
              catena put photo.jpg photos/2026/photo.jpg
              catena stat photos/2026/photo.jpg
              catena get photos/2026/photo.jpg copy.jpg
              tar c src | catena put - backups/src.tar
              catena cat backups/src.tar | tar t
              catena ls -l photos/

            EXIT CODES
              0 done   1 'test' says no, or 'fsck' that blocks are under-replicated
              2 'fsck' says that blocks are missing or corrupt   64 wrong usage
              65 corrupt data   66 no such key or file   69 cluster unavailable
              73 key exists   74 local input or output failed   75 try again later
              77 denied   78 wrong configuration
              141 whoever read the output has gone (SIGPIPE), as with cat | head
            """,
        subcommands: [
            Put.self, Get.self, Cat.self, List.self, Stat.self, Remove.self, Move.self, Test.self,
            StatusCommand.self, Report.self, Fsck.self, Admin.self,
        ])

    static func main() { Program.run(Self.self) }
}

struct Admin: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look after the cluster: datanodes, scrubs, stray blocks.",
        subcommands: [Report.self, AdminScrub.self, AdminStrays.self])
}
