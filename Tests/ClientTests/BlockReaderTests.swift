import Reactor
import System
import TestSupport
import Testing
import Transport
import Wire

@testable import Client

/// One read as a state, with one replica or two; and who has news.
struct BlockReaderTests {
    private static let address = SocketAddress(host: "127.0.0.1", port: 1).unsafelyUnwrapped

    private func reader(sink: PayloadFile? = nil) -> BlockReader {
        let assembly = ReadAssembly(
            block: BlockID(5), epoch: Epoch(1), blockLength: 1000, range: 0..<1000)
        var request = ReadRequest(
            assembly: assembly, opening: Granted.opening, address: Self.address)
        request.sink = sink
        return BlockReader(request, buffers: 4)
    }

    /// A read whose request is out over connection 1, and its rival's over 2.
    private func hedged() -> BlockReader {
        var reader = reader()
        var random = Seeded(1)
        reader.ask(over: 1)
        _ = reader.request(over: 1, using: &random)
        reader.askRival(over: 2, Granted.opening)
        let (header, _) = reader.request(over: 2, using: &random)
        var answer = FrameHeader(.data)
        answer.proof = Granted.key.proof(of: header)
        reader.checkProof(answer, on: 2)
        return reader
    }

    @Test("each of two replicas proves itself, and the proof goes with its connection")
    func proofs() {
        var reader = hedged()
        var proven = [reader.isProven(on: 1), reader.isProven(on: 2)]
        #expect(proven == [false, true])
        reader.narrow(without: 1, .timedOut)
        proven = [reader.isAsked(over: 1), reader.isProven(on: 2)]
        #expect(proven == [false, true])
        reader.checkInvariants()
    }

    @Test("who sends data first has the read", arguments: [1, 2] as [ConnectionIndex])
    func first(index: ConnectionIndex) {
        var reader = hedged()
        let slower = reader.answered(on: index)
        #expect(slower == (index == 1 ? 2 : 1))
        let (left, isRival) = (reader.asked?.connection, reader.lost?.isRival)
        #expect(left == index && isRival == (index == 1))
        let again = reader.answered(on: index)
        #expect(again == nil)
    }

    @Test("a second replica is asked while the first is silent, and only one")
    func canHedge() {
        var reader = reader()
        var can = [reader.canHedge]
        reader.ask(over: 1)
        can.append(reader.canHedge)
        reader.askRival(over: 2, Granted.opening)
        can.append(reader.canHedge)
        // Not before the owner has heard that one of two is out.
        reader.narrow(without: 2, .timedOut)
        can.append(reader.canHedge)
        reader.lost = nil
        can.append(reader.canHedge)
        _ = reader.answered(on: 1)
        can.append(reader.canHedge)
        #expect(can == [false, true, false, false, true, false])
    }

    @Test("parties have a place each, and are among the news once, in order")
    func news() {
        var settings = EngineSettings()
        (settings.writes, settings.reads, settings.controls) = (2, 3, 2)
        let places = PartyPlaces(settings)
        let parties: [Party] = [
            .write(0), .write(1), .read(0), .read(1), .read(2), .control(0), .control(1),
        ]
        #expect(parties.map { places.place(of: $0) } == Array(0..<7))
        #expect((0..<7).map { places.party(at: $0) } == parties)
        var news = News(places)
        for party in [parties[6], parties[0], parties[3], parties[0]] { news.add(party) }
        let isThere = news.contains(.write(0))
        #expect(isThere)
        var told: [Party] = []
        while let party = news.popFirst() { told.append(party) }
        #expect(told == [parties[6], parties[0], parties[3]])
        let isLeft = news.contains(.write(0))
        #expect(!isLeft)
    }
}
