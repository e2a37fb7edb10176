import ArgumentParser
import Control
import ControlClient
import ToolSupport

/// The directory that a command looks at.
struct DirectoryFlag: ParsableArguments {
    @Option(help: "The directory that format made.")
    var dir: String
}

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a whole namespace and say whether it is sound.",
        discussion: """
            Reads every page and row; a namenode may be running meanwhile. Exit status: 0 sound, \
            65 damaged.
            """)

    @OptionGroup var directory: DirectoryFlag

    func run() throws {
        try presenting("catena-namenode", prints: true) {
            let problems = try NamespaceDirectory.open(directory.dir).store.check()
            for problem in problems { try StandardStream.output.writeResult(problem + "\n") }
            guard problems.isEmpty else {
                throw ToolFailure(
                    .corrupt, "\(directory.dir) is damaged: restore a backup, see above")
            }
            try StandardStream.output.writeResult("\(directory.dir) is sound\n")
        }
    }
}

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy a namespace, also while a namenode serves it.",
        discussion: """
            The copy is one committed state and a directory like any namenode's: database, \
            namespace.json and cluster.secret. It is complete when the command ends with 0.
            """)

    @OptionGroup var directory: DirectoryFlag

    @Option(help: "The directory to make or fill.")
    var to: String

    func run() throws {
        try presenting("catena-namenode", prints: true) {
            try NamespaceBackup.make(of: directory.dir, in: to)
            try StandardStream.output.writeResult("\(to) is a backup of \(directory.dir)\n")
        }
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Make a namenode's directory from a backup.",
        discussion: """
            Checks the backup, copies it, and leaves out 2^32 numbers of each kind, so that no \
            block number is given twice. Keys written after the backup are lost; their blocks are \
            strays, which are never deleted. A directory that holds a namespace is refused.
            """)

    @OptionGroup var directory: DirectoryFlag

    @Option(help: "The backup.")
    var from: String

    func run() throws {
        try presenting("catena-namenode", prints: true) {
            try NamespaceBackup.restore(from, to: directory.dir)
            try StandardStream.output.writeResult("\(directory.dir) is restored from \(from)\n")
        }
    }
}

struct AcceptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "accept",
        abstract: "Go on with a namespace that is older than its datanodes.",
        discussion: """
            For when there is no newer one: 'catena status' says that the namespace is older than \
            its datanodes, or a start says that its log has lost its end. Also for the newest one \
            after an older one ran: it warns until then. What came later is given \
            up, as by a restore: keys written since are lost, and their blocks are strays, which \
            are deleted on an operator's word alone. Numbers are left out as by restore. Stop the \
            namenode first.
            """)

    @OptionGroup var directory: DirectoryFlag

    func run() throws {
        try presenting("catena-namenode") {
            try NamespaceBackup.accept(directory.dir)
            try StandardStream.output.writeResult(
                "\(directory.dir) counts from now on; what was later is given up\n")
        }
    }
}

struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write every key with its blocks as lines of JSON.",
        discussion: "In the order of the keys, of one committed state.")

    @OptionGroup var directory: DirectoryFlag

    func run() throws {
        try presenting("catena-namenode", prints: true) {
            let store = try NamespaceDirectory.open(directory.dir).store
            try store.export { key, record, blocks in
                let line = JSONLine([
                    ("key", .string(key.description)), ("length", .unsigned(record.length)),
                    ("created_unix_ms", .integer(record.createdUnixMs)),
                    ("value", .unsigned(record.value.number)),
                    ("blocks", .array(blocks.map(Self.value))),
                ])
                try StandardStream.output.writeResult(line.text)
            }
        }
    }

    private static func value(_ block: BlockInfo) -> JSONValue {
        .object([
            ("block", .unsigned(block.block.number)), ("epoch", .unsigned(block.epoch.number)),
            ("offset", .unsigned(block.position)), ("length", .unsigned(block.length)),
            ("crc", .unsigned(UInt64(block.checksum))),
            ("chain", .array(block.chain.map { .string($0.description) })),
        ])
    }
}
