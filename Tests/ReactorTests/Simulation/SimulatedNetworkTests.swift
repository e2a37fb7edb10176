import Glibc
import Reactor
import System
import Testing

/// Two nodes, a sender on `a` and a receiver on `b`.
private struct Pair {
    static let total = 300_000

    let world: SimulatedWorld
    let driver: SimulationDriver
    let sender: Peer
    let receiver: Peer

    init(
        seed: UInt64, faults: SimulationFaults = SimulationFaults(), zeroCopy: Bool = false,
        total: Int = total
    ) throws {
        world = SimulatedWorld(seed: seed, faults: faults)
        driver = SimulationDriver(world)
        let address = try #require(SocketAddress(host: "10.0.0.2", port: 7000))
        receiver = try Peer(world, node: "b", listeningOn: address)
        sender = try Peer(
            world, node: "a", sending: total, to: address, zeroCopy: zeroCopy)
        driver.add(sender)
        driver.add(receiver)
    }

    func run(for span: UInt64, until received: Int = total) -> SimulationDriver.End {
        driver.run(for: span) { receiver.received >= received || receiver.isBroken }
    }
}

@Suite struct SimulatedNetworkTests {
    static let second: UInt64 = 1_000_000_000

    @Test(arguments: UInt64(1)...25, [false, true])
    func bytesSurviveEveryNuisance(seed: UInt64, zeroCopy: Bool) throws {
        let pair = try Pair(seed: seed, faults: .nuisances(rate: 0.2), zeroCopy: zeroCopy)
        #expect(pair.run(for: 600 * Self.second) == .done, "seed \(seed)")
        #expect(pair.receiver.received == Pair.total && pair.receiver.mismatches == 0)
        #expect(pair.sender.errnos.isEmpty && pair.receiver.errnos.isEmpty)
    }

    @Test func aSeedReproducesARunBitForBit() throws {
        func digest(_ seed: UInt64) throws -> [UInt64] {
            let pair = try Pair(seed: seed, faults: .nuisances(rate: 0.3), zeroCopy: true)
            _ = pair.run(for: 600 * Self.second)
            return [pair.world.digest, pair.world.time]
        }
        #expect(try digest(3) == digest(3))
        #expect(try digest(3) != digest(4))
    }

    @Test func aCutHoldsBytesAndHealingLetsThemGo() throws {
        let pair = try Pair(seed: 1)
        #expect(pair.run(for: Self.second, until: 10_000) == .done)
        pair.world.cut("a", "b")
        let before = pair.receiver.received
        #expect(pair.run(for: 5 * Self.second) != .done)
        // What had arrived before may still be read.
        #expect(pair.receiver.received < Pair.total && pair.receiver.received >= before)
        pair.world.heal("a", "b")
        #expect(pair.run(for: 5 * Self.second) == .done)
        #expect(pair.receiver.received == Pair.total && pair.receiver.mismatches == 0)
    }

    @Test func aLongCutBreaksTheSender() throws {
        // More than the connection holds, so that a send is waiting when the time is up.
        let pair = try Pair(seed: 1, total: 1_000_000)
        #expect(pair.run(for: Self.second, until: 10_000) == .done)
        pair.world.cut("a", "b")
        _ = pair.driver.run(for: 100 * Self.second) { pair.sender.isBroken }
        #expect(pair.sender.errnos == [ETIMEDOUT])
        #expect(!pair.receiver.isBroken)
    }

    @Test func aResetReachesBothEnds() throws {
        let pair = try Pair(seed: 1, total: 1_000_000)
        #expect(pair.run(for: Self.second, until: 10_000) == .done)
        pair.world.reset("a", "b")
        _ = pair.driver.run(for: Self.second) { pair.sender.isBroken && pair.receiver.isBroken }
        #expect(pair.sender.errnos == [ECONNRESET])
        #expect(pair.receiver.errnos == [ECONNRESET])
    }

    @Test func aKilledNodeResetsItsPeers() throws {
        let pair = try Pair(seed: 1, total: 1_000_000)
        #expect(pair.run(for: Self.second, until: 10_000) == .done)
        pair.world.kill("b")
        pair.driver.remove(pair.receiver)
        #expect(pair.driver.run(for: Self.second) { pair.sender.isBroken } == .done)
        #expect([ECONNRESET, EPIPE].contains(pair.sender.errnos.first))
    }

    @Test func aCrashedNodeIsSilentAndResetsWhenItIsBack() throws {
        let pair = try Pair(seed: 1, total: 1_000_000)
        #expect(pair.run(for: Self.second, until: 10_000) == .done)
        pair.world.crash("b")
        pair.driver.remove(pair.receiver)
        _ = pair.driver.run(for: 10 * Self.second) { pair.sender.isBroken }
        #expect(!pair.sender.isBroken)
        let ring = pair.world.makeRing(node: "b")
        #expect(pair.driver.run(for: Self.second) { pair.sender.isBroken } == .done)
        #expect(pair.sender.errnos == [ECONNRESET])
        _ = ring.now
    }

    @Test func aDelayedLinkTakesItsTime() throws {
        let pair = try Pair(seed: 1)
        pair.world.delay(from: "a", to: "b", by: Self.second)
        let start = pair.world.time
        #expect(pair.run(for: 60 * Self.second, until: 1) == .done)
        #expect(pair.world.time >= start + Self.second)
    }

    @Test func injectedErrnosArrive() throws {
        var faults = SimulationFaults()
        faults.send = .init(rate: 0.2, errnos: [ECONNRESET])
        let pair = try Pair(seed: 2, faults: faults)
        #expect(pair.driver.run(for: Self.second) { pair.sender.isBroken } == .done)
        #expect(pair.sender.errnos == [ECONNRESET])
        _ = pair.driver.run(for: Self.second) { pair.receiver.isBroken }
        #expect(pair.receiver.errnos == [ECONNRESET])
    }

    @Test func nothingToComeIsStuck() throws {
        let pair = try Pair(seed: 1)
        #expect(pair.run(for: Self.second) == .done)
        #expect(pair.driver.run(for: Self.second) == .stuck)
    }
}
