import Client
import ControlClient
import Metrics
import System
import ToolSupport
import Wire

/// `HOST:PORT` of a chain's node.
func address(_ node: ChainNode) -> String {
    Endpoint(host: node.host, port: node.port).description
}

func nodeJSON(_ node: ChainNode) -> JSONValue {
    .object([("node", .string("\(node.node)")), ("address", .string(address(node)))])
}

func replicaJSON(_ replica: Replica) -> JSONValue {
    .object([
        ("node", .string("\(replica.node.node)")), ("address", .string(address(replica.node))),
        ("location", .string(replica.location)),
    ])
}

/// Name to value. A family is an object of its label's values, a histogram one of `buckets`, `sum`
/// and `count`.
func metricsJSON(_ samples: [MetricSample]) -> JSONValue {
    .object(samples.map { ($0.name, metricJSON($0.value)) })
}

private func metricJSON(_ value: MetricValue) -> JSONValue {
    switch value {
    case .number(let number): json(number)
    case .family(_, let values, let numbers): .object(Array(zip(values, numbers.map(json))))
    case .histogram(let bounds, let counts, let sum): histogramJSON(bounds, counts, sum)
    }
}

/// Buckets count all that is at most `le`, as Prometheus has them; what is beyond the last is in
/// `count` alone.
private func histogramJSON(_ bounds: [Double], _ counts: [UInt64], _ sum: Double) -> JSONValue {
    var reached: UInt64 = 0
    let buckets = zip(bounds, counts).map { bound, count in
        reached &+= count
        return JSONValue.object([("le", json(bound)), ("count", .unsigned(reached))])
    }
    let count = counts.reduce(0, &+)
    return .object([
        ("buckets", .array(buckets)), ("sum", json(sum)), ("count", .unsigned(count)),
    ])
}

private func json(_ number: Double) -> JSONValue {
    UInt64(exactly: number).map { .unsigned($0) } ?? .number(number)
}
