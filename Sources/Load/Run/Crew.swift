import Glibc
import Reactor
import System
import ToolSupport

/// The workers of this host, a thread each, and their phases.
package final class Crew: PhaseRunner {
    private struct Member {
        let orders = Handoff<Order>()
        let answers = Handoff<Answer>()
        let live: LiveCounts
        var thread: ReactorThread?
    }

    private enum Order: Sendable {
        case run(Phase, start: UInt64)
        case end
    }

    private enum Answer: Sendable {
        case ready
        case failed(LoadFailure)
        case done(OperationTally)
    }

    /// Time for every worker to hear of a phase before it begins.
    private static let lead: UInt64 = 2_000_000

    private let plan: LoadPlan
    private var members: [Member] = []
    private let show: ((LiveLine) -> Void)?
    package let flag: StopSignal
    /// Processes that hold a descriptor for each stream need as many as the system gives.
    private static let descriptorsBesideStreams: UInt64 = 256

    /// - Parameters:
    ///   - flag: ends the phase that runs as soon as the operations under way are done.
    ///   - show: gets a line a second.
    package init(
        _ plan: LoadPlan, flag: StopSignal = StopSignal(), show: ((LiveLine) -> Void)? = nil
    ) {
        self.flag = flag
        self.plan = plan
        self.show = show
    }

    package func prepare() throws(ToolFailure) {
        try plan.check()
        try raiseDescriptorLimit()
        let chain = try BenchChain(plan)
        var namenode: Worker.NamenodeAddress?
        if chain == nil, let text = plan.namenode { namenode = try Worker.NamenodeAddress(text) }
        for thread in 0..<plan.threads {
            var member = Member(live: LiveCounts(flag))
            let (plan, orders, answers, live) = (
                plan, member.orders, member.answers, member.live
            )
            let address = namenode
            do throws(RingFailure) {
                member.thread = try ReactorThread("load-\(thread)") {
                    Self.work(plan, thread, address, chain, live, orders, answers)
                }
            } catch {
                end()
                throw ToolFailure(.unavailable, error.description)
            }
            members.append(member)
        }
        for member in members {
            guard case .failed(let failure) = member.answers.take() else { continue }
            end()
            throw ToolFailure(failure.exitKind, failure.sentence)
        }
    }

    private static func work(
        _ plan: LoadPlan, _ thread: Int, _ namenode: Worker.NamenodeAddress?, _ chain: BenchChain?,
        _ live: LiveCounts, _ orders: Handoff<Order>, _ answers: Handoff<Answer>
    ) {
        do {
            var worker = try Worker(
                plan, thread: thread, namenode: namenode, chain: chain, live: live)
            try worker.connect()
            answers.put(.ready)
            while case .run(let phase, let start) = orders.take() {
                answers.put(.done(worker.run(phase, start: start)))
            }
            worker.shutDown()
        } catch let failure as LoadFailure {
            answers.put(.failed(failure))
        } catch {
            answers.put(.failed(LoadFailure(.unavailable, "\(error)")))
        }
    }

    package func run(_ phase: Phase) throws(ToolFailure) -> PhaseResult {
        let sampled = MonotonicClock.nanoseconds
        let before = ProcessTimes.sample()
        let start = MonotonicClock.nanoseconds + Self.lead
        for member in members { member.orders.put(.run(phase, start: start)) }
        var tally = OperationTally()
        var line = LiveLine(task: phase.task)
        for member in members {
            while true {
                if let answer = member.answers.take(within: 1_000) {
                    guard case .done(let part) = answer else {
                        preconditionFailure("a worker answers a phase with its result")
                    }
                    tally.add(part)
                    break
                }
                line.advance(members.map(\.live.now))
                show?(line)
            }
        }
        let end = max(tally.lastDone, start)
        tally.count(from: start)
        let after = ProcessTimes.sample()
        return PhaseResult(
            phase: phase, tally: tally, seconds: Double(end - start) / 1e9,
            cpu: after.since(before),
            sampledSeconds: Double(MonotonicClock.nanoseconds - sampled) / 1e9)
    }

    package func end() {
        for member in members {
            member.orders.put(.end)
            member.thread?.join()
        }
        members = []
    }

    private func raiseDescriptorLimit() throws(ToolFailure) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let wanted = UInt64(2 * plan.lanes) + Self.descriptorsBesideStreams
        if limit.rlim_cur < wanted {
            limit.rlim_cur = min(limit.rlim_max, rlim_t(wanted))
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        let needed = UInt64(plan.lanes) + Self.descriptorsBesideStreams
        guard limit.rlim_cur >= needed else {
            throw ToolFailure(
                .configuration,
                "\(plan.lanes) streams need \(needed) descriptors and this process may have "
                    + "\(limit.rlim_cur): raise the limit (ulimit -n), or lower --streams")
        }
    }
}
