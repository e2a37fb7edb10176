import Reactor
import Testing
import Wire

@testable import DataPath

/// Clients that sit on what they were given: nobody else goes without for long.
struct SittingTests {
    private static let block: UInt64 = 900_001

    /// As many stalled reads as there are buffers for reads: each gives its own up after a turn,
    /// and goes on where it stood.
    @Test func whoTakesNothingHoldsNoBufferWhileOthersHaveNone() throws {
        let scene = try DeviceScene(socketBytes: 16 << 10) { $0.payloadBuffers = 14 }
        scene.run(try scene.writer(Self.block))
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        let stalled = try stall(7, scene, driver)
        let good = try scene.reader(Self.block)
        driver.add(good)
        // Far below the deadline that would end the others.
        let end = driver.run(for: 2_000_000_000) { good.isCompleted }
        #expect(end == .done)
        #expect(scene.node.datanode.counters.readsCut > 0)
        for reader in stalled { reader.goOn() }
        _ = driver.run(for: 5_000_000_000) { stalled.allSatisfy(\.isCompleted) }
        for reader in stalled + [good] {
            #expect(
                reader.isCompleted && reader.areBytesGood, "\(String(describing: reader.failure))")
            #expect(reader.taken == DeviceScene.length)
        }
    }

    private func stall(
        _ count: Int, _ scene: DeviceScene, _ driver: SimulationDriver
    ) throws -> [SimulatedReader] {
        try (0..<count).map { _ in
            let reader = try scene.reader(Self.block, isStalled: true)
            driver.add(reader)
            #expect(driver.run(for: 1_000_000_000) { reader.taken > 0 } == .done)
            return reader
        }
    }

    /// More stalled reads than read streams: those that stalled longest end, one for each that
    /// comes.
    @Test func stalledReadsLeaveReadStreamsToOthers() throws {
        let scene = try DeviceScene(socketBytes: 16 << 10) {
            $0.readStreams = 16
            $0.connections = 64
        }
        scene.run(try scene.writer(Self.block))
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        let stalled = try stall(16, scene, driver)
        // Until one has had no bytes taken for a turn.
        let ended = driver.run(for: 1_000_000_000) {
            scene.node.datanode.counters.readsEnded > 0
        }
        #expect(ended == .done)
        for _ in 0..<8 {
            let good = try scene.reader(Self.block)
            driver.add(good)
            #expect(driver.run(for: 2_000_000_000) { good.isCompleted } == .done)
            #expect(good.areBytesGood)
        }
        #expect(stalled.filter { $0.failure != nil }.count < 10, "the others may go on")
    }

    /// One valid token for each, once: then they keep their connections for ever.
    @Test func idleConnectionsGiveWay() throws {
        let scene = try DeviceScene { $0.connections = 16 }
        scene.run(try scene.writer(Self.block))
        let driver = SimulationDriver(scene.world)
        driver.add(scene.node)
        for _ in 0..<40 {
            let reader = try scene.reader(Self.block)
            driver.add(reader)
            let end = driver.run(for: 2_000_000_000) { reader.isCompleted }
            #expect(end == .done, "\(String(describing: reader.failure))")
            #expect(scene.node.datanode.openCounts.connections < 16)
        }
        #expect(scene.node.datanode.counters.connectionsGivenUp > 20)
        #expect(scene.node.datanode.counters.unauthenticatedClosed == 0)
    }
}
