import Dispatch
import Glibc
import Simulation
import Synchronization
import System
import ToolSupport

/// Many seeds on a few threads; each seed's run is on one.
struct Campaign: Sendable {
    let run: SimulationRun
    let seeds: Int
    let jobs: Int
    let stopsAtBreach: Bool
    let isVerbose: Bool
    let isTraced: Bool
    let isJSON: Bool

    private struct Sums: Sendable {
        var next = 0
        var done = 0
        var breaches = 0
        var isOver = false
        var acks = 0
        var checks: UInt64 = 0
        var crashes = 0
        /// Over all hashes, in no order.
        var hash: UInt64 = 0
    }

    /// - Returns: how many seeds broke a promise.
    func go() -> Int {
        if !isJSON {
            StandardStream.output.write(
                "seeds \(run.seed) to \(run.seed &+ UInt64(seeds - 1)), \(run.cycles) cycles"
                    + "\(run.plant.map { ", plant \($0.rawValue)" } ?? "")\n")
        }
        let sums = Mutex(Sums())
        let start = seconds()
        DispatchQueue.concurrentPerform(iterations: jobs) { _ in
            while let place = take(sums) { one(run.seed &+ UInt64(place), sums) }
        }
        let end = sums.withLock { $0 }
        tell(end, seconds() - start)
        return end.breaches
    }

    private func take(_ sums: borrowing Mutex<Sums>) -> Int? {
        sums.withLock { sums in
            guard sums.next < seeds, !sums.isOver else { return nil }
            sums.next += 1
            return sums.next - 1
        }
    }

    private func one(_ seed: UInt64, _ sums: borrowing Mutex<Sums>) {
        var run = run
        run.seed = seed
        if isVerbose { StandardStream.error.write("seed \(seed)\n") }
        let result = run.result(
            print: isTraced ? { StandardStream.output.write($0 + "\n") } : nil)
        sums.withLock { sums in
            sums.done += 1
            sums.acks += result.acks
            sums.checks += result.checks
            sums.crashes += result.crashes
            sums.hash ^= result.hash
            if result.breach != nil {
                sums.breaches += 1
                sums.isOver = stopsAtBreach
            }
            if result.breach != nil || seeds == 1 { tell(result) }
        }
    }

    private func tell(_ result: SimulationResult) {
        if isJSON { return StandardStream.output.writeLine(JSONLine(members(result)).text) }
        let what = result.breach.map {
            "BROKEN (\($0.oracle.rawValue)) in cycle \($0.cycle) at "
                + "\($0.time / 1_000_000) ms: \($0.sentence)"
        }
        StandardStream.output.write(
            "seed \(result.seed): \(what ?? "every promise held"), "
                + "hash \(hexadecimal(result.hash, digits: 16))\n")
    }

    private func members(_ result: SimulationResult) -> [(String, JSONValue)] {
        var members: [(String, JSONValue)] = [
            ("seed", .unsigned(result.seed)), ("cycles", .integer(Int64(result.cycles))),
            ("hash", .string(hexadecimal(result.hash, digits: 16))),
            ("acks", .integer(Int64(result.acks))),
            ("checks", .unsigned(result.checks)), ("crashes", .integer(Int64(result.crashes))),
        ]
        if let breach = result.breach {
            members += [
                ("oracle", .string(breach.oracle.rawValue)),
                ("cycle", .integer(Int64(breach.cycle))), ("breach", .string(breach.sentence)),
            ]
        }
        return members
    }

    private func tell(_ sums: Sums, _ time: Double) {
        if isJSON {
            return StandardStream.output.writeLine(
                JSONLine([
                    ("seeds", .integer(Int64(sums.done))),
                    ("broken", .integer(Int64(sums.breaches))),
                    ("acks", .integer(Int64(sums.acks))), ("checks", .unsigned(sums.checks)),
                    ("crashes", .integer(Int64(sums.crashes))),
                    ("hash", .string(hexadecimal(sums.hash, digits: 16))),
                    ("seeds_per_second", .number(Double(sums.done) / time)),
                ]).text)
        }
        StandardStream.output.write(
            "\(sums.done) seeds, \(sums.breaches) broken; \(sums.acks) changes acked, "
                + "\(sums.crashes) crashes, \(sums.checks) checks; "
                + "hash \(hexadecimal(sums.hash, digits: 16)); "
                + "\(Int(Double(sums.done) / time * 10)) seeds in 10 s\n")
    }

    private func seconds() -> Double { Double(MonotonicClock.nanoseconds) / 1e9 }
}

extension StandardStream {
    fileprivate func writeLine(_ text: String) { _ = write(text) }
}
