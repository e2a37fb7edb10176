import Control
import DataPath
import Metrics
import Reactor
import Testing

/// The tables of both daemons: nothing is counted that nobody sees, and names are as Prometheus
/// wants them.
@Suite struct MetricTableTests {
    private func check<Counts>(_ metrics: [Metric<Counts>]) {
        #expect(Set(metrics.map(\.name)).count == metrics.count)
        for metric in metrics {
            let name = metric.name
            #expect(name.hasPrefix("catena_"), "\(name)")
            #expect(name.hasSuffix("_total") == (metric.kind == .counter), "\(name)")
            let base = metric.kind == .counter ? String(name.dropLast("_total".count)) : name
            for unit in [MetricUnit.bytes, .seconds] {
                #expect(base.hasSuffix("_\(unit.rawValue)") == (metric.unit == unit), "\(name)")
            }
            #expect(metric.help.hasSuffix("."), "\(name)")
            #expect(metric.help.count <= 118, "\(name): a table's cell has no more room")
        }
    }

    /// Stored properties; those of a struct of counts inside count for themselves.
    private func fields(_ counts: Any) -> Int {
        Mirror(reflecting: counts).children.reduce(0) { sum, child in
            child.value is ReactorCounters ? sum + fields(child.value) : sum + 1
        }
    }

    @Test func namesFollowTheirConventions() {
        check(DatanodeCounters.metrics)
        check(NamenodeCounters.metrics)
    }

    /// Rows that were of one field twice would show its number twice: each word of the struct has a
    /// number of its own.
    @Test func everyCountOfADatanodeHasARow() {
        var counters = DatanodeCounters()
        let words = MemoryLayout<DatanodeCounters>.size / 8
        withUnsafeMutableBytes(of: &counters) { bytes in
            for word in 0..<words {
                bytes.storeBytes(of: UInt64(word + 1), toByteOffset: word * 8, as: UInt64.self)
            }
        }
        let numbers = DatanodeCounters.metrics.samples(of: counters).compactMap { sample in
            if case .number(let number) = sample.value { Int(number) } else { nil }
        }
        // The first word says whose the counts are.
        #expect(counters.reactor == 1)
        #expect(numbers.sorted() == Array(2...words))
        #expect(fields(counters) == words)
    }

    /// As many rows as fields, and no two of one field: each field has a number of its own.
    @Test func everyCountOfTheNamenodeHasARow() {
        var counters = NamenodeCounters()
        counters.requests[.open] = 1
        counters.refusals[.busy] = 2
        counters.firstAnswersGiven = 3
        counters.leasesExpired = 4
        counters.mutations = 5
        counters.commitTimes.record(6)
        counters.commitRequests.record(7)
        counters.connections[.arriving] = 8
        counters.connectionsAccepted = 9
        counters.connectionsGivenWay = 10
        counters.connectionsCutOff = 11
        counters.messagesMalformed = 12
        counters.arrivingBytes = 13
        counters.nodes[.live] = 14
        counters.keys = 15
        counters.blocks = 16
        counters.blocksToDelete = 17
        counters.leases = 18
        let shown = NamenodeCounters.metrics.samples(of: counters).map { sample in
            switch sample.value {
            case .number(let number): number
            case .family(_, _, let numbers): numbers.reduce(0, +)
            case .histogram(_, _, let sum): sum
            }
        }
        #expect(shown.count == fields(counters))
        #expect(Set(shown).count == shown.count)
        #expect(!shown.contains(0), "a field that this test gives no number")
    }
}
