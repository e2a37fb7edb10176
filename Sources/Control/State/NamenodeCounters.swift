import Metrics
import Wire

/// What the namenode counts, where it happens: requests in the machine, commits in the engine,
/// connections in the server. Each field has a row in `metrics`.
package struct NamenodeCounters: Sendable {
    package var requests = CountsBy<RequestKind, UInt64>()
    package var refusals = CountsBy<ControlCode, UInt64>()
    package var firstAnswersGiven: UInt64 = 0
    package var leasesExpired: UInt64 = 0
    package var mutations: UInt64 = 0
    /// Nanoseconds from a commit's begin until its replies may leave.
    package var commitTimes = Histogram(first: 1 << 14)
    package var commitRequests = Histogram(first: 1)
    package var connections = CountsBy<Standing, Int>()
    package var connectionsAccepted: UInt64 = 0
    package var connectionsGivenWay: UInt64 = 0
    package var connectionsCutOff: UInt64 = 0
    package var messagesMalformed: UInt64 = 0
    package var arrivingBytes = 0
    // What is there when somebody asks.
    package var nodes = CountsBy<Liveness, Int>()
    package var keys = 0
    package var blocks = 0
    package var blocksToDelete = 0
    package var leases = 0

    package init() {}

    package static let metrics: [Metric<NamenodeCounters>] = [
        Metric(
            \.requests, "catena_namenode_requests_total", "Requests that came, by operation."),
        Metric(\.refusals, "catena_namenode_refusals_total", "Requests refused, by code."),
        Metric(
            \.firstAnswersGiven, "catena_namenode_first_answers_given_total",
            "Requests that came again and got the first answer."),
        Metric(
            \.leasesExpired, "catena_namenode_leases_expired_total",
            "Leases that ended because nobody renewed them."),
        Metric(
            \.mutations, "catena_namenode_mutations_total", "Changes of the namespace's rows."),
        Metric(
            \.commitTimes, "catena_namenode_commit_duration_seconds",
            "From a commit's begin until its replies may leave; the count is of commits.",
            in: .seconds),
        Metric(
            \.commitRequests, "catena_namenode_commit_requests",
            "Requests that one commit made true; a commit without any is not counted."),
        Metric(\.connections, "catena_namenode_connections", "Connections, by what they are."),
        Metric(
            \.connectionsAccepted, "catena_namenode_connections_accepted_total",
            "Connections that came and got a place."),
        Metric(
            \.connectionsGivenWay, "catena_namenode_connections_given_way_total",
            "Idle connections closed to make room for others."),
        Metric(
            \.connectionsCutOff, "catena_namenode_connections_cut_off_total",
            "Connections closed because nothing moved on them for too long."),
        Metric(
            \.messagesMalformed, "catena_namenode_messages_malformed_total",
            "Messages that could not be read, each the end of its connection."),
        Metric(
            \.arrivingBytes, "catena_namenode_arriving_bytes",
            "Bytes held of messages that are not whole.", in: .bytes),
        Metric(\.nodes, "catena_namenode_datanodes", "Datanodes that have registered, by state."),
        Metric(\.keys, "catena_namenode_keys", "Keys."),
        Metric(\.blocks, "catena_namenode_blocks", "Blocks, those being written too."),
        Metric(
            \.blocksToDelete, "catena_namenode_blocks_to_delete",
            "Blocks that wait until their datanodes have deleted them."),
        Metric(\.leases, "catena_namenode_leases", "Keys being written."),
    ]
}

/// The operations by name: as fault points and the requests' counts say them.
package enum RequestKind: String, MetricLabel {
    case register, heartbeat, create
    case addBlock = "addblock"
    case renew, close, abandon, open, info, list, delete, rename
    case clusterStatus = "cluster_status"
    case report
    case reportBad = "report_bad"
    case scrub, fsck, strays

    package static var label: String { "operation" }
    package var labelValue: String { rawValue }

    init(_ operation: ControlRequest.OneOf_Operation) {
        self =
            switch operation {
            case .register: .register
            case .heartbeat: .heartbeat
            case .create: .create
            case .addBlock: .addBlock
            case .renew: .renew
            case .close: .close
            case .abandon: .abandon
            case .open: .open
            case .info: .info
            case .list: .list
            case .delete: .delete
            case .rename: .rename
            case .clusterStatus: .clusterStatus
            case .report: .report
            case .reportBad: .reportBad
            case .scrub: .scrub
            case .fsck: .fsck
            case .strays: .strays
            }
    }
}

extension Standing: MetricLabel {
    package static var label: String { "standing" }
    package var labelValue: String { "\(self)" }
}

extension Liveness: MetricLabel {
    package static var label: String { "state" }
    package var labelValue: String { rawValue }
}
