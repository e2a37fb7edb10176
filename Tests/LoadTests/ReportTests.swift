import Foundation
import Load
import Testing
import ToolSupport

@Suite struct ReportTests {
    private func result(
        _ task: Phase.Task = .put, operations: Int = 100, failures: Int = 0, wrong: UInt64 = 0
    ) -> PhaseResult {
        var tally = OperationTally()
        for index in 1...operations {
            // 1 to 100 ms, done one by one.
            tally.done(
                bytes: 20_000_000, intended: 0, at: UInt64(index) * 1_000_000)
        }
        for _ in 0..<failures {
            tally.fail(LoadFailure(.unavailable, "nobody is there"), at: 100_000_000)
        }
        tally.wrong = wrong
        let identity = ProcessTimes.Identity(
            machine: "m", pid: 7, started: 1, role: "catena-datanode")
        return PhaseResult(
            phase: Phase(task: task), tally: tally, seconds: 2,
            cpu: [ProcessUse(process: identity, seconds: 3)], sampledSeconds: 4)
    }

    private func object(_ report: LoadReport) throws -> [String: Any] {
        let text = report.json
        #expect(text.hasSuffix("}\n") && text.count { $0 == "\n" } == 1)
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        return try #require(object as? [String: Any])
    }

    @Test("the JSON object has what was promised")
    func json() throws {
        let members = try object(LoadReport(LoadPlan(.put), [result()]))
        #expect(members["GB_per_s"] as? Double == 1)
        #expect(members["ops_per_s"] as? Double == 50)
        #expect(members["cpu_s_per_GB"] as? Double == 1.5)
        #expect(members["failed"] as? Int == 0)
        let cpu = try #require(members["cpu"] as? [[String: Any]])
        #expect(cpu.map { $0["cores"] as? Double } == [0.75])
        let p50 = try #require(members["p50_us"] as? Double)
        let p99 = try #require(members["p99_us"] as? Double)
        // Three digits: within a thousandth.
        #expect(abs(p50 - 50_000) <= 50 && abs(p99 - 99_000) <= 99)
    }

    @Test("meta says both rates")
    func meta() throws {
        let report = LoadReport(
            LoadPlan(.meta), [result(.create), result(.open, operations: 40, failures: 2)])
        let members = try object(report)
        #expect(members["create_per_s"] as? Double == 50)
        #expect(members["open_per_s"] as? Double == 20)
        #expect(members["failed"] as? Int == 2)
    }

    @Test("wrong bytes are exit 1, another failure has its own code, and each is told")
    func exits() {
        #expect(LoadReport(LoadPlan(.put), [result()]).exit == .success)
        let failed = LoadReport(LoadPlan(.put), [result(failures: 3)])
        #expect(failed.exit == .unavailable)
        #expect(failed.text.contains("failed 3x: nobody is there"))
        let wrong = LoadReport(LoadPlan(.get), [result(failures: 3, wrong: 1)])
        #expect(wrong.exit == .no)
        #expect(wrong.text.contains("WRONG BYTES: 1 objects"))
    }

    @Test("a CSV line has a field for each name of the header")
    func csv() {
        var plan = LoadPlan(.put)
        plan.label = "label"
        let report = LoadReport(plan, [result()])
        let fields = report.csv.split(separator: ",", omittingEmptySubsequences: false)
        let names = LoadReport.csvHeader.split(separator: ",")
        #expect(fields.count == names.count)
        plan.label = "a,\"b\""
        #expect(LoadReport(plan, [result()]).csv.hasPrefix("\"a,\"\"b\"\"\","))
    }

    @Test("hosts' results add up, and a process that both saw is named once")
    func merge() {
        var merged = result()
        merged.add(result(operations: 50, failures: 1))
        #expect(merged.tally.operations == 150)
        #expect(merged.tally.latencies.count == 150)
        #expect(merged.tally.failed == 1)
        #expect(merged.tally.reasons.map(\.count) == [1])
        #expect(merged.tally.firstDone == 1_000_000 && merged.tally.lastDone == 100_000_000)
        #expect(merged.cpuSeconds == 3)
    }

    @Test("a result travels as JSON within a control message")
    func travels() throws {
        let data = try JSONEncoder().encode(result())
        #expect(data.count < 1 << 20)
        let back = try JSONDecoder().decode(PhaseResult.self, from: data)
        #expect(back.tally.latencies.percentile(50) == result().tally.latencies.percentile(50))
    }

    @Test("only the first kinds of failures are kept, and all are counted")
    func reasons() {
        var tally = OperationTally()
        for index in 0..<100 {
            tally.fail(LoadFailure(.unavailable, "reason \(index)"), at: 1)
        }
        #expect(tally.failed == 100)
        #expect(tally.reasons.count == OperationTally.mostReasons)
        #expect(tally.reasons[0].failure.sentence == "reason 0")
    }

    @Test("more than an hour counts as one and is told")
    func overlong() {
        var latencies = Latencies()
        latencies.record(5)
        latencies.record(2 * Latencies.longest)
        #expect(latencies.count == 2 && latencies.overlong == 1)
        #expect(latencies.distribution.contains("#[Max"))
    }

    @Test("a process's line is read whatever its name is")
    func processLine() {
        let line =
            "42 (catena-x) y) z) S 1 42 42 0 -1 4194304 9 0 0 0 150 50 0 0 20 0 3 0 777 1000 20"
        let parsed = ProcessTimes.parse(line)
        #expect(parsed?.name == "catena-x) y) z")
        #expect(parsed?.ticks == 200)
        #expect(parsed?.started == 777)
        #expect(ProcessTimes.parse("42 (short) S 1 2") == nil)
        #expect(ProcessTimes.parse("") == nil)
    }

    @Test("a second's line shows what was done in it")
    func line() {
        var line = LiveLine(task: .get)
        line.advance([(10, 1_000_000, 0), (5, 1_000_000, 0)])
        line.advance([(20, 3_000_000, 1), (5, 2_000_000, 0)])
        #expect(line.text == "get 2s  3.0 MB/s  10 ops/s  25 done  1 failed\n")
    }
}
