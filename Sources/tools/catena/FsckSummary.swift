import ArgumentParser
import Client
import ToolSupport

/// What a whole `catena fsck` found, and the exit code that says it.
struct FsckSummary {
    var keys: UInt64 = 0
    var bytes: UInt64 = 0
    var blocks: UInt64 = 0
    var underReplicated: UInt64 = 0
    var awaited: UInt64 = 0
    var corrupt: UInt64 = 0
    var missing: UInt64 = 0
    var wantedReplicas: UInt64 = 0
    var liveReplicas: UInt64 = 0
    var corruptReplicas: UInt64 = 0
    var staleReplicas: UInt64 = 0
    var incompleteReports = 0
    var deadNodes = 0

    mutating func add(_ key: KeyHealth) {
        keys += 1
        bytes &+= key.length
        blocks += UInt64(key.blocks)
        underReplicated += UInt64(key.underReplicated)
        awaited += UInt64(key.awaited)
        corrupt += UInt64(key.corrupt)
        missing += UInt64(key.missing)
        wantedReplicas += UInt64(key.wantedReplicas)
        liveReplicas += UInt64(key.liveReplicas)
        corruptReplicas += UInt64(key.corruptReplicas)
        staleReplicas += UInt64(key.staleReplicas)
    }

    /// In the word of the exit code.
    private var status: String {
        if missing > 0 { return "missing" }
        if corrupt > 0 { return "corrupt" }
        if awaited > 0 { return "awaited" }
        return underReplicated > 0 ? "under-replicated" : "healthy"
    }

    /// `nil`: healthy.
    var exitCode: ExitCode? {
        if missing > 0 || corrupt > 0 { return ExitCode(2) }
        if awaited > 0 { return SystemExit.temporaryFailure.exitCode }
        return underReplicated > 0 ? ExitCode(1) : nil
    }

    var text: String {
        var out = """
            status            \(status)
            keys              \(keys), \(ByteSize.format(bytes))
            blocks            \(blocks): \(underReplicated) under-replicated, \(corrupt) corrupt, \
            \(missing) missing, \(awaited) awaited
            copies            \(liveReplicas) live of \(wantedReplicas) wanted, \
            \(corruptReplicas) corrupt, \(staleReplicas) stale

            """
        if exitCode != nil { out += "where             catena fsck --locations shows the copies\n" }
        if deadNodes > 0 { out += "dead datanodes    \(deadNodes)\n" }
        if incompleteReports > 0 {
            out += "not yet reported  \(counted(incompleteReports, "datanode")): a block that they "
            out += "may hold is awaited. Ask again when they have named all they hold\n"
        }
        return out
    }

    var json: String {
        JSONLine([
            (
                "summary",
                .object([
                    ("status", .string(status)), ("keys", .unsigned(keys)),
                    ("bytes", .unsigned(bytes)), ("blocks", .unsigned(blocks)),
                    ("under_replicated", .unsigned(underReplicated)),
                    ("corrupt", .unsigned(corrupt)), ("missing", .unsigned(missing)),
                    ("awaited", .unsigned(awaited)),
                    ("wanted_replicas", .unsigned(wantedReplicas)),
                    ("live_replicas", .unsigned(liveReplicas)),
                    ("corrupt_replicas", .unsigned(corruptReplicas)),
                    ("stale_replicas", .unsigned(staleReplicas)),
                    ("dead_datanodes", .integer(Int64(deadNodes))),
                    ("reports_incomplete", .integer(Int64(incompleteReports))),
                ])
            )
        ]).text
    }
}
