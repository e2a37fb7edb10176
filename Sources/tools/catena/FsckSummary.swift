import ArgumentParser
import Client
import ToolSupport

/// What a whole `catena fsck` found, and the exit code that says it.
struct FsckSummary {
    var keys: UInt64 = 0
    var bytes: UInt64 = 0
    var blocks: UInt64 = 0
    var underReplicated: UInt64 = 0
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
        return underReplicated > 0 ? "under-replicated" : "healthy"
    }

    /// `nil`: healthy.
    var exitCode: ExitCode? {
        if missing > 0 || corrupt > 0 { return ExitCode(2) }
        return underReplicated > 0 ? ExitCode(1) : nil
    }

    var text: String {
        var out = """
            status            \(status)
            keys              \(keys), \(ByteSize.format(bytes))
            blocks            \(blocks): \(underReplicated) under-replicated, \(corrupt) corrupt, \
            \(missing) missing
            copies            \(liveReplicas) live of \(wantedReplicas) wanted, \
            \(corruptReplicas) corrupt, \(staleReplicas) stale

            """
        if exitCode != nil { out += "where             catena fsck --locations shows the copies\n" }
        if deadNodes > 0 { out += "dead datanodes    \(deadNodes)\n" }
        if incompleteReports > 0 {
            out += "not yet reported  \(incompleteReports) datanodes: what they hold counts as "
            out += "missing until they have named it\n"
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
