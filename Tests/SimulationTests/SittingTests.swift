import Reactor
import Testing
import Transport

@testable import DataPath
@testable import Simulation

/// Clients that sit on what they were given: nobody else goes without for long.
struct SittingTests {
    private static let second: UInt64 = 1_000_000_000

    /// One value of more bytes than a socket and a client's buffers hold.
    private func scene(
        clients: Int, limit: @escaping @Sendable (inout Budget) -> Void
    ) -> OneNode {
        let scene = OneNode(clients: clients, limit: limit) { plan in
            plan.lengths = [1 << 20]
            plan.blockBytes = 1 << 20
            plan.packetBytes = 64 << 10
            plan.adjustWorld = { $0.socketBytes = 16 << 10 }
        }
        #expect(scene.put().failures.isEmpty)
        return scene
    }

    private func stall(_ clients: ClosedRange<Int>, _ scene: OneNode) -> [GetJob] {
        clients.map { client in
            let job = scene.get(by: client, isStalled: true)
            #expect(scene.cluster.drive(for: Self.second) { job.taken > 0 })
            return job
        }
    }

    private func isRead(_ jobs: [GetJob], _ scene: OneNode) -> Bool {
        let isOver = scene.cluster.drive(for: 5 * Self.second) { jobs.allSatisfy(\.isOver) }
        return isOver && jobs.allSatisfy(\.isRead) && scene.cluster.oracle.breach == nil
    }

    /// As many stalled reads as there are buffers for reads: each gives its own up after a turn,
    /// and goes on where it stood.
    @Test func whoTakesNothingHoldsNoBufferWhileOthersHaveNone() {
        let scene = scene(clients: 9) { budget in
            budget.payloadBuffers = 14
            budget.framesPerStream = 8
        }
        let stalled = stall(1...7, scene)
        let good = scene.get(by: 8)
        // Far below the deadline that would end the others.
        #expect(scene.cluster.drive(for: 2 * Self.second) { good.isOver })
        #expect(scene.counters.readsCut > 0)
        for job in stalled { job.goOn() }
        #expect(isRead(stalled + [good], scene))
    }

    /// More stalled reads than read streams: those that stalled longest end, one for each that
    /// comes.
    @Test func stalledReadsLeaveReadStreamsToOthers() {
        let scene = scene(clients: 25) { budget in
            budget.readStreams = 16
            budget.connections = 64
        }
        let stalled = stall(1...16, scene)
        // Until one has had no bytes taken for a turn.
        #expect(scene.cluster.drive(for: Self.second) { scene.counters.readsEnded > 0 })
        for client in 17...24 {
            let good = scene.get(by: client)
            #expect(scene.cluster.drive(for: 2 * Self.second) { good.isOver })
            #expect(good.isRead)
        }
        for job in stalled { job.goOn() }
        #expect(isRead(stalled, scene))
    }

    /// A connection that waited for a buffer is gone, and the one that has its place now is in the
    /// middle of its read: it is not taken to the next frame.
    @Test func aBufferWakesOnlyWhoWaitsForOne() throws {
        let scene = scene(clients: 2) { _ in }
        let stalled = stall(1...1, scene)
        let place = try #require(scene.datanode.reading)
        scene.datanode.node.core.buffers.enqueue(.connection(place))
        #expect(!scene.cluster.drive(for: Self.second / 100) { scene.datanode.reading != place })
        for job in stalled { job.goOn() }
        #expect(isRead(stalled, scene))
    }

    /// One valid token for each, once: then they keep their connections for ever.
    @Test func idleConnectionsGiveWay() {
        let scene = scene(clients: 41) { $0.connections = 16 }
        for client in 1...40 {
            let good = scene.get(by: client)
            #expect(scene.cluster.drive(for: 2 * Self.second) { good.isOver })
            #expect(good.isRead)
            #expect(scene.datanode.node.openCounts.connections < 16)
        }
        #expect(scene.counters.connectionsGivenUp > 20)
        #expect(scene.counters.unauthenticatedClosed == 0)
    }
}

extension SimulatedReactor {
    /// A connection whose read is not answered yet.
    fileprivate var reading: ConnectionIndex? {
        node.core.transport.places.first { place in
            node.core.transport.isUsed(place)
                && node.core.transport.at(place).role.waiting == .answer
        }
    }
}
