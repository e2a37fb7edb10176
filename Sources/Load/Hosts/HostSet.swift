import ControlClient
import System
import ToolSupport

/// Several hosts that run the same phases at the same time: each does its share of the operations
/// with streams of its own.
package struct HostSet: PhaseRunner, ~Copyable {
    private let plan: LoadPlan
    private let hosts: [Endpoint]
    private var links: [Member] = []
    private let flag: StopSignal
    private let show: ((String) -> Void)?

    /// A host's connection; a class so that they can be in an array.
    private final class Member {
        let endpoint: Endpoint
        var link: HostLink
        var result: PhaseResult?
        var isCancelled = false
        /// Turns in which nothing came.
        var silence: Int64 = 0

        init(_ endpoint: Endpoint, _ link: consuming HostLink) {
            self.endpoint = endpoint
            self.link = link
        }
    }

    /// A host that says nothing for so long is gone, milliseconds.
    private static let patience: Int64 = 15_000
    /// It connects to a namenode meanwhile.
    private static let preparing: Int64 = 60_000

    /// - Parameter flag: ends the phase that runs, on every host.
    package init(
        _ plan: LoadPlan, _ hosts: [Endpoint], flag: StopSignal = StopSignal(),
        show: ((String) -> Void)? = nil
    ) {
        self.flag = flag
        self.plan = plan
        self.hosts = hosts
        self.show = show
    }

    package mutating func prepare() throws(ToolFailure) {
        for (place, endpoint) in hosts.enumerated() {
            var share = plan
            share.host = place
            share.hosts = hosts.count
            try share.check()
            do throws(LoadFailure) {
                let link = try HostLink(to: endpoint)
                try link.send(HostOrder.prepare(share))
                links.append(Member(endpoint, link))
            } catch {
                throw Self.named(endpoint, error)
            }
        }
        for member in links {
            do throws(LoadFailure) {
                switch try member.link.receive(HostAnswer.self, within: Self.preparing) {
                case .ready: continue
                case .failed(let failure): throw failure
                case .running, .done: throw LoadFailure(.unavailable, "it runs something else")
                case nil: throw LoadFailure(.unavailable, "it is busy, or it does not answer")
                }
            } catch {
                throw Self.named(member.endpoint, error)
            }
        }
    }

    package mutating func run(_ phase: Phase) throws(ToolFailure) -> PhaseResult {
        for member in links {
            do throws(LoadFailure) { try member.link.send(HostOrder.run(phase)) } catch {
                throw Self.named(member.endpoint, error)
            }
            member.result = nil
            member.silence = 0
        }
        let turn = max(10, 1_000 / Int64(links.count))
        while links.contains(where: { $0.result == nil }) {
            for member in links where member.result == nil {
                do throws(LoadFailure) {
                    try cancel(member)
                    try Self.hear(member, turn)
                } catch {
                    throw Self.named(member.endpoint, error)
                }
            }
            let left = links.count { $0.result == nil }
            if left > 0 { show?("\(phase.task.rawValue): \(left) of \(links.count) hosts run\n") }
        }
        let results = links.compactMap(\.result)
        guard var merged = results.first else { preconditionFailure("there is a host") }
        for result in results.dropFirst() { merged.add(result) }
        return merged
    }

    private func cancel(_ member: Member) throws(LoadFailure) {
        guard flag.wasSet, !member.isCancelled else { return }
        member.isCancelled = true
        try member.link.send(HostOrder.cancel)
    }

    private static func hear(_ member: Member, _ milliseconds: Int64) throws(LoadFailure) {
        switch try member.link.receive(HostAnswer.self, within: milliseconds) {
        case .done(let result): member.result = result
        case .failed(let failure): throw failure
        case .running, .ready: member.silence = 0
        case nil:
            member.silence += milliseconds
            guard member.silence < patience else {
                throw LoadFailure(.unavailable, "it has said nothing for \(patience / 1_000) s")
            }
        }
    }

    package mutating func end() {
        for member in links {
            do throws(LoadFailure) { try member.link.send(HostOrder.end) } catch {
                // It ends by itself when the connection does.
                continue
            }
        }
        links = []
    }

    private static func named(_ endpoint: Endpoint, _ failure: LoadFailure) -> ToolFailure {
        ToolFailure(failure.exitKind, "host \(endpoint): \(failure.sentence)")
    }
}
