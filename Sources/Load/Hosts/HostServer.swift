import ControlClient
import Glibc
import Logging
import Reactor
import System
import ToolSupport

/// Takes one job at a time from coordinators, for as long as the process lives.
package struct HostServer: Sendable {
    private let listener: ListeningSocket
    private let log: Logger

    /// - Throws: `ToolFailure` when the address cannot be listened on.
    package init(listen endpoint: Endpoint, log: Logger) throws(ToolFailure) {
        guard let address = SocketAddress(host: endpoint.host, port: endpoint.port) else {
            throw ToolFailure(.usage, "--listen has a numeric address, not \(endpoint.host)")
        }
        do throws(SystemFailure) {
            listener = try ListeningSocket.open(on: address, backlog: 16)
        } catch {
            throw ToolFailure(.unavailable, "cannot \(error)")
        }
        self.log = log
    }

    package var address: String { listener.address.text }

    /// Serves the next coordinator to its end.
    package func serveNext() {
        let descriptor = accept(listener.descriptor, nil, nil)
        guard descriptor >= 0 else { return }
        do throws(ControlFailure) {
            let socket = try Socket(accepted: descriptor, address: "the coordinator")
            serve(HostLink(socket))
        } catch {
            log.warning("the coordinator is gone", metadata: ["reason": "\(error)"])
        }
    }

    private func serve(_ link: consuming HostLink) {
        let job = Job(link)
        do throws(LoadFailure) {
            try job.run()
        } catch {
            log.warning("the job ended", metadata: ["reason": "\(error.sentence)"])
        }
    }

    /// One coordinator's connection, and the crew that works for it.
    private final class Job {
        private var link: HostLink
        private var crew: Crew?
        /// A coordinator waits for its user at most as long between two orders.
        private static let patience: Int64 = 600_000

        init(_ link: consuming HostLink) { self.link = link }

        func run() throws(LoadFailure) {
            defer { crew?.end() }
            while let order = try link.receive(HostOrder.self, within: Self.patience) {
                switch order {
                case .prepare(let plan): try prepare(plan)
                case .run(let phase): try run(phase)
                case .cancel: crew?.flag.set()
                case .end: return
                }
            }
        }

        private func prepare(_ plan: LoadPlan) throws(LoadFailure) {
            crew?.end()
            let made = Crew(plan) { [unowned self] _ in beat() }
            do throws(ToolFailure) { try made.prepare() } catch {
                let failure = LoadFailure(error.kind, error.sentence)
                try link.send(HostAnswer.failed(failure))
                throw failure
            }
            crew = made
            try link.send(HostAnswer.ready)
        }

        private func run(_ phase: Phase) throws(LoadFailure) {
            guard let crew else {
                throw LoadFailure(.usage, "the coordinator ran a phase before it prepared")
            }
            let result: PhaseResult
            do throws(ToolFailure) { result = try crew.run(phase) } catch {
                throw LoadFailure(error.kind, error.sentence)
            }
            try link.send(HostAnswer.done(result))
        }

        /// Once a second. Without a coordinator there is nobody to work for, and while a phase runs
        /// it has nothing to say but that it ends.
        private func beat() {
            do throws(LoadFailure) {
                try link.send(HostAnswer.running)
                if try link.receive(HostOrder.self, within: 0) != nil { crew?.flag.set() }
            } catch {
                crew?.flag.set()
            }
        }
    }
}
