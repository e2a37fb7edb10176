import ControlClient
import Glibc
import Load
import Logging
import Reactor
import Synchronization
import System
import Testing
import ToolSupport

/// The coordinator and hosts on loopback, with a namenode that nobody runs.
@Suite(.serialized) struct HostTests {
    /// A host that serves `jobs` coordinators and ends.
    private func host(jobs: Int) throws -> (Endpoint, ReactorThread, Lines) {
        let held = Lines()
        let log = Logger(label: "host") { _ in
            EventLogHandler(level: .info, format: .text) { line in
                held.values.withLock { $0.append(line) }
            }
        }
        let server = try HostServer(listen: Endpoint(host: "127.0.0.1", port: 0), log: log)
        let endpoint = try #require(Endpoint(server.address))
        let thread = try ReactorThread("host") {
            for _ in 0..<jobs { server.serveNext() }
        }
        return (endpoint, thread, held)
    }

    private func plan() -> LoadPlan {
        var plan = LoadPlan(.get)
        plan.namenode = "127.0.0.1:1"
        return plan
    }

    @Test("a host that cannot reach the namenode says so, and the coordinator names the host")
    func cannotPrepare() throws {
        let (endpoint, thread, log) = try host(jobs: 1)
        var set = HostSet(plan(), [endpoint])
        do throws(ToolFailure) {
            _ = try set.run(plan())
            Issue.record("it ran")
        } catch {
            #expect(error.kind == .unavailable)
            #expect(error.sentence.contains("host \(endpoint): cannot reach the namenode"))
        }
        thread.join()
        let lines = log.values.withLock { $0 }
        #expect(lines.contains { $0.contains("cannot reach the namenode") })
    }

    @Test("a host that is not there is named")
    func nobody() throws {
        let nobody = Endpoint(host: "127.0.0.1", port: 1)
        var set = HostSet(plan(), [nobody])
        do throws(ToolFailure) {
            _ = try set.run(plan())
            Issue.record("it ran")
        } catch {
            #expect(error.sentence.hasPrefix("host 127.0.0.1:1: "))
        }
    }

    @Test("a host that goes away in the middle is named")
    func goesAway() throws {
        let address = try #require(SocketAddress(host: "127.0.0.1", port: 0))
        let listener = try ListeningSocket.open(on: address, backlog: 1)
        let thread = try ReactorThread("host") {
            let descriptor = accept(listener.descriptor, nil, nil)
            do {
                var link = HostLink(try Socket(accepted: descriptor, address: "test"))
                _ = try link.receive(HostOrder.self, within: 10_000)
                try link.send(HostAnswer.ready)
                _ = try link.receive(HostOrder.self, within: 10_000)
                try link.send(HostAnswer.running)
            } catch {
                Issue.record("the coordinator is not as it should be: \(error)")
            }
            close(listener.descriptor)
        }
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.address.port)
        var set = HostSet(plan(), [endpoint])
        do throws(ToolFailure) {
            _ = try set.run(plan())
            Issue.record("it ran")
        } catch {
            #expect(error.sentence == "host \(endpoint): it closed the connection")
        }
        thread.join()
    }
}

/// A list that a thread and a test share.
private final class Lines: Sendable {
    let values = Mutex<[String]>([])
}
