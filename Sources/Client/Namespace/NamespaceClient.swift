import ControlClient
import FoundationEssentials
import Reactor
import System
import Wire

/// The namenode's operations, typed. Every method may be called from any thread; calls take turns
/// on one connection, which is made again when it is lost.
public final class NamespaceClient: Sendable {
    private let caller: ControlCaller

    /// For calls that somebody waits behind, milliseconds. Streams have to go on between them, so
    /// it is below the deadline for their progress.
    static let shortCall: Int64 = 5_000

    public init(_ caller: ControlCaller) { self.caller = caller }

    /// Who this process is to the namenode.
    public var client: ClientID { caller.client }
    public var endpoint: Endpoint { caller.endpoint }
    /// The namenode may have done what it was asked in a call that failed.
    public var wasGreeted: Bool { caller.wasGreeted }

    /// The cluster, connecting when that is not known yet.
    public func cluster() throws(ClientError) -> ClusterID {
        do throws(ControlFailure) {
            return try caller.cluster()
        } catch {
            throw ClientError(error, key: "")
        }
    }

    // MARK: Writing

    /// - Parameter length: of the value, 0 when that is not known. One that is too long for the
    ///   cluster is refused now, and not after it was written.
    public func create(
        _ key: String, overwrite: Bool = false, length: UInt64 = 0
    ) throws(ClientError) -> Lease {
        try checkKey(key)
        var message = ControlCreate()
        message.key = key
        message.overwrite = overwrite
        message.length = length
        return try lease(call(.create(message), key: key).create, key: key)
    }

    /// - Parameters:
    ///   - sizeHint: bytes still to come, 0 when that is not known.
    ///   - replicas: 0 for the namenode's default.
    ///   - location: of the writer, for the choice of the head; may be empty.
    public func addBlock(
        _ lease: Lease, sizeHint: UInt64 = 0, exclude: [NodeID] = [], replicas: Int = 0,
        location: String = ""
    ) throws(ClientError) -> BlockPlan {
        try addBlocks(
            lease, count: 1, sizeHint: sizeHint, exclude: exclude, replicas: replicas,
            location: location)[0]
    }

    /// Plans the next blocks of an open value in one call: at most `count`, at least one, and no
    /// more than `sizeHint` bytes need. It is not waited for long: a writer may do better with
    /// other nodes, and its streams have to go on (`PlanRetry`).
    ///
    /// - Parameter blockBytes: the longest block that the writer will make; 0: the namenode's.
    public func addBlocks(
        _ lease: Lease, count: Int, blockBytes: UInt64 = 0, sizeHint: UInt64,
        exclude: [NodeID] = [], replicas: Int = 0, location: String = ""
    ) throws(ClientError) -> [BlockPlan] {
        var message = ControlAddBlock()
        message.leaseID = Data(lease.id.bytes)
        message.sizeHint = sizeHint
        message.count = UInt32(clamping: count)
        message.blockBytes = blockBytes
        message.exclude = exclude.map { Data($0.bytes) }
        message.replicas = UInt32(clamping: replicas)
        message.location = location
        let planned = try plans(
            call(.addBlock(message), key: lease.key, limit: Self.shortCall).addBlock)
        guard planned.count <= max(1, count) else {
            throw .malformed(reason: "\(planned.count) blocks, and \(count) were asked for")
        }
        return planned
    }

    /// - Returns: the lease with a full new duration.
    public func renew(_ held: Lease) throws(ClientError) -> Lease {
        var message = ControlRenew()
        message.leaseID = Data(held.id.bytes)
        return try lease(
            call(.renew(message), key: held.key, limit: Self.shortCall).renew, key: held.key)
    }

    /// Commits the value: its blocks in order, each by its receipt. A value that is not as durable
    /// yet as asked is waited for.
    /// - Parameter more: these are the value's next blocks, and not the last.
    public func close(
        _ lease: Lease, blocks: [SignedReceipt], durability: CloseDurability = .durable,
        more: Bool = false
    ) throws(ClientError) {
        var message = ControlClose()
        message.leaseID = Data(lease.id.bytes)
        message.durability = durability.code
        message.more = more
        message.blocks = blocks.map(receiptMessage)
        _ = try call(.close(message), key: lease.key)
    }

    /// Drops the value being written; the committed one, if any, stays. A lease that is over, by
    /// its time or by a CLOSE that was answered to nobody, leaves nothing to drop.
    public func abandon(_ lease: Lease) throws(ClientError) {
        var message = ControlAbandon()
        message.leaseID = Data(lease.id.bytes)
        do throws(ClientError) {
            _ = try call(.abandon(message), key: lease.key, limit: Self.shortCall)
        } catch .leaseExpired {
            return
        }
    }

    // MARK: Reading

    /// - Parameters:
    ///   - location: of the reader; replicas come nearest first.
    ///   - length: 0 for "to the end".
    public func open(
        _ key: String, location: String = "", offset: UInt64 = 0, length: UInt64 = 0
    ) throws(ClientError) -> OpenValue {
        var message = ControlOpen()
        message.key = key
        message.location = location
        message.offset = offset
        message.length = length
        return try openValue(call(.open(message), key: key).open)
    }

    public func info(_ key: String) throws(ClientError) -> KeyInfo {
        var message = ControlInfo()
        message.key = key
        return try keyInfo(call(.info(message), key: key).info)
    }

    // MARK: The namespace

    /// One page, in byte order of the keys.
    /// - Parameter limit: entries at most; 0 for the namenode's default of 1,000; it gives at most
    ///   10,000.
    public func list(
        prefix: String = "", startAfter: String = "", limit: Int = 0, delimiter: String = ""
    ) throws(ClientError) -> ListPage {
        var message = ControlList()
        message.prefix = prefix
        message.startAfter = startAfter
        message.limit = UInt32(clamping: limit)
        message.delimiter = delimiter
        let reply = try call(.list(message), key: prefix).list
        // A page that says "more" and points nowhere would be asked for again for ever.
        guard !reply.more || (!reply.next.isEmpty && reply.next != startAfter) else {
            throw .malformed(reason: "a listing that does not go on")
        }
        let entries = reply.entries.map {
            ListEntry(
                key: $0.key, isPrefix: $0.prefix, length: $0.length, created: $0.createdUnixMs)
        }
        return ListPage(entries: entries, next: reply.more ? reply.next : nil)
    }

    public func delete(_ key: String) throws(ClientError) {
        var message = ControlDelete()
        message.key = key
        _ = try call(.delete(message), key: key)
    }

    /// Atomic. `notFound` names `from`; `exists`, `leased` and `badKey` name `to`.
    public func rename(
        _ from: String, to: String, overwrite: Bool = false
    ) throws(ClientError) {
        try checkKey(to)
        var message = ControlRename()
        message.from = from
        message.to = to
        message.overwrite = overwrite
        do throws(ClientError) {
            _ = try call(.rename(message), key: to)
        } catch .notFound {
            throw .notFound(key: from)
        }
    }

    // MARK: The cluster

    public func status() throws(ClientError) -> ClusterSummary {
        let message = ControlRequest.OneOf_Operation.clusterStatus(ControlClusterStatus())
        return ClusterSummary(try call(message, key: "").clusterStatus)
    }

    public func report(deadOnly: Bool = false) throws(ClientError) -> ClusterReport {
        try ClusterReport(reportReply(deadOnly: deadOnly, metrics: false))
    }

    /// As `report`, with what every process counts.
    package func measuredReport(deadOnly: Bool = false) throws(ClientError) -> ClusterReport {
        var report = try ClusterReport(reportReply(deadOnly: deadOnly, metrics: true))
        // One message has no room for what hundreds of nodes count.
        var missing = report.nodes.filter { $0.metrics == nil }.map(\.node)[...]
        while !missing.isEmpty {
            let asked = missing.prefix(Self.nodesPerReport)
            missing = missing.dropFirst(asked.count)
            let part = try ClusterReport(
                reportReply(deadOnly: deadOnly, metrics: true, of: Array(asked)))
            for node in part.nodes { report.take(node) }
        }
        return report
    }

    /// Of the largest nodes that there may be, what these count fits one message.
    private static let nodesPerReport = 16

    private func reportReply(
        deadOnly: Bool, metrics: Bool, of nodes: [NodeID] = []
    ) throws(ClientError) -> ControlReportReply {
        var message = ControlReport()
        message.deadOnly = deadOnly
        message.metrics = metrics
        message.nodeIds = nodes.map { Data($0.bytes) }
        return try call(.report(message), key: "").report
    }

    /// Calls to the same namenode over the ring of a put; `nil` while it is not connected.
    func ringCalls<Purpose>() -> RingCalls<Purpose>? {
        caller.peer.map { peer in
            let others: [SocketAddress]
            do throws(DialFailure) {
                others = try AddressList(caller.endpoint).addresses
            } catch {
                // It answers where it is connected; the others are for when it moves.
                others = []
            }
            return RingCalls(
                to: caller.endpoint,
                at: [peer.address] + others.filter { $0.text != peer.address.text },
                cluster: peer.cluster, software: caller.software)
        }
    }

    /// One call of a put or a get, which judges refusals itself.
    func answer(
        to operation: ControlRequest.OneOf_Operation, within nanoseconds: UInt64
    ) -> Result<ControlReply, ControlFailure> {
        let limit = Int64(clamping: max(1, nanoseconds / 1_000_000))
        do throws(ControlFailure) {
            return .success(
                try caller.call(operation, limit: limit, waitsForRefusals: false))
        } catch {
            return .failure(error)
        }
    }

    /// - Parameter limit: `nil`: as long as the caller's timeout, refusals that may pass included.
    func call(
        _ operation: ControlRequest.OneOf_Operation, key: String, limit: Int64? = nil
    ) throws(ClientError) -> ControlReply {
        do throws(ControlFailure) {
            return try caller.call(operation, limit: limit, waitsForRefusals: limit == nil)
        } catch {
            throw ClientError(error, key: key)
        }
    }
}

/// What can be known of a key without asking: the namenode judges the rest.
func checkKey(_ key: String) throws(ClientError) {
    guard Limits.keyBytes.contains(key.utf8.count) else {
        let bounds = "\(Limits.keyBytes.lowerBound) to \(Limits.keyBytes.upperBound)"
        throw .badKey(key: key, reason: "a key has \(bounds) bytes, this one \(key.utf8.count)")
    }
}

package func receiptMessage(_ signed: SignedReceipt) -> ControlReceipt {
    var message = ControlReceipt()
    message.block = signed.receipt.block.number
    message.epoch = signed.receipt.epoch.number
    message.length = signed.receipt.length
    message.crc = signed.receipt.checksum
    switch signed.receipt.level {
    case .received: message.level = .received
    case .written: message.level = .written
    case .durable: message.level = .durable
    }
    message.keyID = signed.receipt.key.number
    message.signature = Data(signed.signature)
    return message
}
