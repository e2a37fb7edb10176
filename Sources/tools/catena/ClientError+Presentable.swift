import Client
import ControlClient
import ToolSupport

extension ClientError: Presentable {
    public var sentence: String {
        if case .exists = self { "\(self) (--overwrite)" } else { description }
    }

    public var facts: [(String, JSONValue)] {
        switch self {
        case .notFound(let key), .exists(let key), .leased(let key), .badKey(let key, _),
            .leaseExpired(let key), .blockMismatch(let key, _), .notDurable(let key, _):
            [("key", .string(key))]
        case .tooFewNodes(let live, let needed, _):
            [("live", .integer(Int64(live))), ("needed", .integer(Int64(needed)))]
        case .unreachable(let address, _), .unknownHost(let address, _):
            [("address", .string(address))]
        case .timedOut(_, let milliseconds): [("milliseconds", .integer(milliseconds))]
        case .corrupt(let key, let block, let replicas),
            .unreadable(let key, let block, let replicas, _):
            [
                ("key", .string(key)), ("block", .string("\(block)")),
                ("replicas", .integer(Int64(replicas))),
            ]
        case .corruptOutput(let key, let block):
            [("key", .string(key)), ("block", .string("\(block)"))]
        case .unwritable(let key, let block, let node, let status, _):
            [
                ("key", .string(key)), ("block", .string("\(block)")), ("node", .string("\(node)")),
                ("status", .integer(Int64(status.rawValue))),
            ]
        case .badRange(let key, let offset, let length, let valueLength):
            [
                ("key", .string(key)), ("offset", .unsigned(offset)), ("length", .unsigned(length)),
                ("value_length", .unsigned(valueLength)),
            ]
        default: []
        }
    }
}
