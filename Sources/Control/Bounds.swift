/// Every count the namenode lets grow, and where it stops. At a bound the answer is BUSY.
package struct Bounds: Sendable, Equatable {
    /// Open TCP connections: the sum of what each `Standing` may have.
    package var connections = 4_096
    /// Bytes of messages that are still arriving, of all connections together; beyond it the long
    /// one that has been arriving for longest is told BUSY and cut off.
    package var arrivingBytes = 64 << 20
    /// Requests of one connection that wait for their answer; beyond it the namenode stops reading.
    package var requestsPerConnection = 64
    /// Bytes of answers one connection may leave unread before the namenode stops reading from it.
    package var replyBacklogBytes = 4 << 20
    /// Datanodes known, dead ones included.
    package var nodes = 1_024
    package var devicesPerNode = 64
    /// Metrics of one node that are kept as they come, and about what they take in bytes; the
    /// others are left out.
    package var metricsPerNode = 256
    package var metricBytesPerNode = 32 << 10
    /// Keys being written at one time: by one client, from one address, and by all. An address gets
    /// no more than is left then.
    package var leasesPerClient = 12_500
    package var leasesPerAddress = 50_000
    package var leases = 100_000
    /// Blocks being written at one time, in the same way.
    package var openBlocksPerClient = 62_500
    package var openBlocksPerAddress = 125_000
    package var openBlocks = 250_000
    /// Blocks of one value. Its CLOSEs list them in parts, for a message has room for some
    /// thousands.
    package var blocksPerValue = 100_000
    /// Answers kept for retries, of one client, to one address and of all; the oldest goes first.
    package var outcomesPerClient = 4_096
    package var outcomesPerAddress = 16_384
    package var outcomes = 65_536
    /// Bytes of these answers; beyond it more than one goes for each that comes.
    package var outcomeBytesPerClient = 4 << 20
    package var outcomeBytesPerAddress = 16 << 20
    package var outcomeBytes = 64 << 20
    /// DELETE commands in one HEARTBEAT answer; the rest follows with the next ones.
    package var commandsPerHeartbeat = 1_000
    /// Blocks that one ADDBLOCK plans: one commit for all of them.
    package var blocksPerPlan = 16
    /// Corrupt copies of one node that are remembered as such, and stale ones; others are not live
    /// either.
    package var corruptPerNode = 65_536
    package var stalePerNode = 65_536
    /// Stray blocks of one node that are remembered; all are counted.
    package var straysPerNode = 1_000
    /// Blocks that one node has yet to be told to scrub.
    package var scrubsPerNode = 1_000
    /// Keys and blocks that one FSCK looks at.
    package var fsckKeys = 200
    package var fsckBlocks = 200
    /// Nodes an ADDBLOCK may exclude.
    package var excludes = 64
    /// Incarnations of one node that are remembered as replaced.
    package var replacedIncarnations = 8
    /// Retired signing keys kept to check receipts of long writes: a week at ten minutes each.
    package var retiredKeys = 1_024
    /// Values of which it is remembered when they were last opened, twice.
    package var openedValues = 65_536
    /// Leases ended in one turn of the machine.
    package var sweptLeases = 64
    /// Blocks of values that go which one turn dooms; the rest follow with the next ticks.
    package var droppedBlocks = 1_024
    /// Values that go in parts at once; one more goes whole, in its turn.
    package var droppedValues = 4_096
    /// Deleted blocks looked at in one tick.
    package var sweptBlocks = 256
    /// Blocks looked at in one tick after a node died or registered anew.
    package var drainedReplicas = 20_000
    /// Bytes of blocks, entries or nodes in one answer: what is left of a control message is for
    /// the rest. A longer list is cut and says how to go on.
    package var replyListBytes = 900 << 10

    package init() {}
}
