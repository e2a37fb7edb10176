import Glibc
import Reactor
import System
import Testing
import Wire

@testable import Transport

/// A transport that dials, `client`, and one that listens, `server`.
private struct Pair {
    let world: SimulatedWorld
    let driver: SimulationDriver
    let client: End
    let server: End
    let address: SocketAddress

    init(
        seed: UInt64 = 1, faults: SimulationFaults = SimulationFaults(),
        zeroCopyAfter proven: UInt64? = nil, progressTimeout: UInt64? = nil
    ) throws {
        world = SimulatedWorld(seed: seed, faults: faults)
        driver = SimulationDriver(world)
        address = try #require(SocketAddress(host: "10.0.0.2", port: 7000))
        server = try End(
            world, node: "b", listeningOn: address, progressTimeout: progressTimeout)
        client = try End(world, node: "a", zeroCopyAfter: proven)
        driver.add(client)
        driver.add(server)
    }

    func run(until condition: () -> Bool) -> Bool {
        driver.run(for: 100_000_000_000, until: condition) == .done
    }

    /// An open connection, at the client and at the server.
    func connect() throws -> (client: ConnectionIndex, server: ConnectionIndex) {
        let client = try #require(client.dial(address))
        #expect(run { self.client.news.contains(.opened) && server.accepted != nil })
        return (client, try #require(server.accepted))
    }
}

@Suite struct TransportTests {
    @Test func aConnectThatIsRefusedIsNewsAndEndsAsNews() throws {
        let pair = try Pair()
        let nobody = try #require(SocketAddress(host: "10.0.0.2", port: 9))
        let index = try #require(pair.client.dial(nobody))
        #expect(pair.run { pair.client.news == [.unreachable(ECONNREFUSED)] })
        pair.client.transport.close(index)
        pair.client.transport.close(index)
        #expect(pair.run { pair.client.transport.count == 0 })
        #expect(pair.client.news == [.unreachable(ECONNREFUSED), .closed])
    }

    @Test func aConnectionWithoutASocketEndsAsNewsToo() throws {
        let pair = try Pair()
        let index = try #require(pair.client.dial(pair.address))
        pair.client.transport.close(index)
        #expect(pair.run { pair.client.news == [.closed] })
        #expect(pair.client.transport.count == 0)
    }

    @Test(arguments: UInt64(1)...20) func framesSurviveEveryNuisance(seed: UInt64) throws {
        let pair = try Pair(seed: seed, faults: .nuisances(rate: 0.2), zeroCopyAfter: 0)
        let lengths = [4, 70_000, 1, 200_000, 65_536, 3]
        var left = lengths
        var got: [UInt32] = []
        pair.client.hears = { end, index, news in
            switch news {
            case .opened: end.sendData(left.removeFirst(), index)
            case .sent(_, let buffer):
                end.give(buffer)
                if !left.isEmpty { end.sendData(left.removeFirst(), index) }
            default: Issue.record("\(news)")
            }
        }
        pair.server.hears = { end, index, news in
            switch news {
            case .opened: end.receiveHeader(index)
            case .header:
                #expect(end.transport.at(index).header.sequence == UInt32(got.count))
                end.receivePayload(index)
            case .payload(let buffer):
                got.append(end.transport.at(index).header.payloadLength)
                end.give(buffer)
                end.receiveHeader(index)
            default: Issue.record("\(news)")
            }
        }
        _ = pair.client.dial(pair.address)
        #expect(pair.run { got.count == lengths.count && pair.client.freeBuffers == 4 })
        #expect(got == lengths.map { UInt32($0) })
    }

    @Test func theHeaderThatWasPromisedComesWithThePayload() throws {
        let pair = try Pair()
        let (client, server) = try pair.connect()
        var seal = FrameHeader(.seal)
        seal.length = 7
        pair.client.sendData(5000, then: seal, client)
        pair.server.receiveHeader(server)
        #expect(pair.run { pair.server.news == [.header] })
        pair.server.receivePayload(server)
        #expect(pair.run { pair.server.news.count == 2 })
        let operations = pair.server.transport.reactor.counters.operations
        pair.server.receiveHeader(server)
        #expect(pair.server.news.last == .header)
        #expect(pair.server.transport.at(server).header.length == 7)
        #expect(pair.server.transport.reactor.counters.operations == operations)
    }

    @Test func anEndInsideAHeaderIsAnotherThanOneBetweenFrames() throws {
        for bytes in [0, 64] {
            let pair = try Pair()
            let (client, server) = try pair.connect()
            pair.server.receiveHeader(server)
            if bytes > 0 {
                let start = pair.client.buffers.memory(BufferIndex(0))
                pair.client.transport.send(client, kind: End.sendKind, start, count: bytes)
                #expect(pair.run { pair.client.news.last == .sent(bytes: bytes, buffer: nil) })
            }
            pair.client.transport.close(client)
            #expect(
                pair.run {
                    pair.server.news == [.ended(0, isInside: bytes > 0, buffer: nil)]
                })
        }
    }

    @Test func aHeaderThatHasBegunHasADeadlineThatNothingMoves() throws {
        let pair = try Pair(progressTimeout: 1_000_000_000)
        let (client, server) = try pair.connect()
        pair.server.receiveHeader(server)
        let start = pair.client.buffers.memory(BufferIndex(0))
        pair.client.transport.send(client, kind: End.sendKind, start, count: 64)
        #expect(pair.run { !pair.server.expired.isEmpty })
        #expect(pair.server.expired == [.receiving(server)])
    }

    @Test func aHeaderThatIsNoneIsNews() throws {
        let pair = try Pair()
        let (client, server) = try pair.connect()
        pair.server.receiveHeader(server)
        let start = pair.client.buffers.memory(BufferIndex(0))
        memset(start, 1, FrameHeader.byteCount)
        pair.client.transport.send(client, kind: End.sendKind, start, count: FrameHeader.byteCount)
        #expect(pair.run { pair.server.news == [.badHeader(.badMagic)] })
    }

    // MARK: Buffers

    /// The server reads nothing, so a long frame stays with the kernel. One is on its way when the
    /// connection closes: its buffer comes back, with `closed` behind it.
    @Test(arguments: [nil, 0] as [UInt64?])
    func aSendThatIsUnderWayAtTheCloseGivesItsBufferBack(proven: UInt64?) throws {
        let pair = try Pair(zeroCopyAfter: proven)
        let (client, _) = try pair.connect()
        pair.client.sendData(700_000, client)
        #expect(!pair.run { pair.client.news.count > 1 })
        #expect(pair.client.freeBuffers == 3)
        pair.client.transport.close(client)
        #expect(pair.run { pair.client.transport.count == 0 })
        #expect(pair.client.freeBuffers == 4)
        #expect(pair.client.news.last == .closed)
    }

    /// What the other side has not read keeps the memory of a zero-copy send that is whole.
    @Test func aZeroCopySendHoldsItsBufferUntilTheCloseTakesItsBytesBack() throws {
        let pair = try Pair(zeroCopyAfter: 0)
        let (client, _) = try pair.connect()
        pair.client.hears = { end, _, news in
            if case .sent(_, let buffer) = news { end.give(buffer) }
        }
        for count in [100_000, 100_000] {
            pair.client.sendData(count, client)
            let whole = ConnectionNews.sent(bytes: count + FrameHeader.byteCount, buffer: nil)
            _ = pair.run { pair.client.news.last == whole }
        }
        let counters = pair.client.transport.counters
        #expect(counters.zeroCopySends > 0)
        pair.client.transport.close(client)
        #expect(pair.run { pair.client.transport.count == 0 })
        #expect(pair.client.freeBuffers == 4)
        #expect(pair.client.transport.counters.zeroCopySends == counters.zeroCopySends)
    }

    @Test func whatTheSocketDoesNotTakeCanBeRecalled() throws {
        let pair = try Pair()
        let (client, _) = try pair.connect()
        pair.client.sendData(700_000, client)
        #expect(!pair.run { pair.client.news.count > 1 })
        pair.client.transport.recallSend(client)
        #expect(pair.run { pair.client.news.count > 1 })
        guard case .notSent(_, let bytes, let buffer) = pair.client.news.last else {
            Issue.record("\(pair.client.news)")
            return
        }
        #expect(bytes > 0 && bytes < 700_000 && buffer != nil)
        #expect(pair.client.transport.at(client).isOpen)
    }

    // MARK: The end

    /// The server refuses what the client is in the middle of sending: the client gets to read why.
    @Test func aPeerThatStillSendsReadsTheLastFrame() throws {
        let pair = try Pair()
        let (client, server) = try pair.connect()
        pair.client.hears = { end, index, news in
            switch news {
            case .sent(_, let buffer):
                end.give(buffer)
                end.sendData(100_000, index)
            default: break
            }
        }
        pair.client.receiveHeader(client)
        pair.client.sendData(100_000, client)
        pair.server.receiveHeader(server)
        #expect(pair.run { pair.server.news == [.header] })
        pair.server.receivePayload(server)
        pair.server.hears = { end, index, news in
            if case .sent = news { end.transport.linger(index) }
        }
        pair.server.transport.stopReceiving(server)
        pair.server.send(FrameHeader(.error), server)
        #expect(pair.run { pair.client.news.contains(.header) })
        #expect(pair.client.transport.at(client).header.operation == .error)
        pair.client.transport.close(client)
        #expect(pair.run { pair.server.news.contains(.lingered) })
        #expect(pair.server.freeBuffers == 4)
        pair.server.transport.close(server)
        #expect(pair.run { pair.server.transport.count == 0 && pair.client.transport.count == 0 })
        #expect(pair.client.freeBuffers == 4)
    }

    @Test func whoIsHandedOverEndsHereAndStaysOpen() throws {
        let pair = try Pair()
        let (client, server) = try pair.connect()
        pair.client.receiveHeader(client)
        let socket = pair.server.transport.descriptor(of: server)
        pair.server.transport.handOver(server)
        #expect(pair.run { pair.server.transport.count == 0 })
        #expect(!pair.run { pair.client.news.count > 1 }, "the client hears nothing of it")
        #expect(!socket.isNone)
    }

    // MARK: Between streams

    @Test func theOneThatWasParkedLastIsTakenOfThoseToOneAddress() throws {
        let pair = try Pair()
        let other = try #require(SocketAddress(host: "10.0.0.2", port: 7001))
        let (first, _) = try pair.connect()
        let second = try #require(pair.client.dial(pair.address))
        #expect(pair.run { pair.client.news == [.opened, .opened] })
        pair.client.transport.park(first)
        pair.client.transport.park(second)
        #expect(pair.client.transport.takeParked(to: other) == nil)
        #expect(pair.client.transport.oldestParked == first)
        #expect(pair.client.transport.takeParked(to: pair.address) == second)
        #expect(pair.client.transport.at(second).streamNumber == 2)
        pair.client.transport.close(first)
        #expect(pair.client.transport.takeParked(to: pair.address) == nil)
    }
}
