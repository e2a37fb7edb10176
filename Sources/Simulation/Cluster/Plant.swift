/// A bug that the simulated world plants, so that the oracles can be shown to find it. Each is a
/// lie of the world around the product's code, which itself is the same as ever.
package enum Plant: String, CaseIterable, Sendable {
    /// Disks answer a write before it is made.
    case ackBeforeWrite = "ack-before-write"
    /// Clients seal at `written` and show the namenode a receipt that says `durable`.
    case closeBeforeDurable = "close-before-durable"
    /// Readers take what lies on a replica's disk without a look at its checksums.
    case skippedCRC = "skipped-crc"
    /// Disks answer the sync of a directory and do nothing.
    case missingDirectoryFsync = "missing-directory-fsync"
    /// The namenode's shell lets replies leave while their commit is under way.
    case replyBeforeCommit = "reply-before-commit"
    /// The impostors at dead datanodes' addresses have the cluster's signing keys.
    case leakedKeys = "leaked-keys"
    /// Datanodes keep to themselves what they know of a later state of the namespace.
    case silentWitnesses = "silent-witnesses"
    /// Datanodes forget which blocks they deleted.
    case forgottenDeletions = "forgotten-deletions"
    /// Datanodes do as they are told by whoever answers at their namenode's address.
    case believedImpostors = "believed-impostors"
}
