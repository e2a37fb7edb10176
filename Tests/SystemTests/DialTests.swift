import Glibc
import Testing

@testable import System

/// A name with several addresses, of which some do not answer.
@Suite(.serialized) struct DialTests {
    @Test("the next address begins a quarter of a second later, or when the one before failed")
    func schedule() {
        var race = DialRace(3)
        #expect(race.next(at: 1_000) == 0)
        #expect(race.next(at: 1_000) == nil)
        #expect(race.wakeAt == 1_250)
        #expect(race.next(at: 1_250) == 1)
        race.oneFailed()
        // One of two still runs: it keeps its head start.
        #expect(race.next(at: 1_300) == nil)
        race.oneFailed()
        #expect(race.next(at: 1_300) == 2)
        #expect(race.wakeAt == nil && !race.isLost)
        race.oneFailed()
        #expect(race.isLost)
    }

    @Test func aNameWithoutAddressesIsLostAtOnce() {
        #expect(throws: DialFailure.self) {
            try AddressList([], of: "nowhere:1").connect(before: Deadline(after: 5_000))
        }
    }

    @Test func anAddressThatDropsPacketsDoesNotKeepFromTheNext() throws {
        let silent = try Listening(backlog: 0)
        silent.fill()
        let good = try Listening(backlog: 8)
        let list = AddressList([silent.address, good.address], of: "two:1")
        let (place, descriptor) = try list.connect(before: Deadline(after: 5_000))
        close(descriptor)
        #expect(place == 1)
    }

    @Test func anAddressThatRefusesIsPassedByAtOnce() throws {
        let gone = try Listening(backlog: 1)
        let address = gone.address
        gone.end()
        let good = try Listening(backlog: 8)
        let list = AddressList([address, good.address], of: "two:1")
        let (place, descriptor) = try list.connect(before: Deadline(after: 5_000))
        close(descriptor)
        #expect(place == 1)
    }

    @Test func withoutAnAnswerTheDeadlineEndsIt() throws {
        let silent = try Listening(backlog: 0)
        silent.fill()
        let list = AddressList([silent.address], of: "one:1")
        #expect(throws: DialFailure.timedOut(address: "one:1", milliseconds: 50)) {
            try list.connect(before: Deadline(after: 50))
        }
    }

    /// A listening socket that nobody accepts from. With a full queue the kernel drops what comes
    /// to it (listen(2)), as a host that is gone does.
    private final class Listening {
        private var descriptors: [CInt] = []
        let address: SocketAddress

        init(backlog: CInt) throws {
            let free = try #require(SocketAddress(host: "127.0.0.1", port: 0))
            let listener = try ListeningSocket.open(on: free, backlog: backlog)
            descriptors = [listener.descriptor]
            address = listener.address
        }

        deinit { end() }

        /// Connects until the queue takes no more.
        func fill() {
            let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
            for _ in 0..<4 {
                let descriptor = socket(AF_INET, type, 0)
                _ = address.withSockaddr { connect(descriptor, $0, $1) }
                descriptors.append(descriptor)
            }
        }

        func end() {
            for descriptor in descriptors { close(descriptor) }
            descriptors = []
        }
    }
}
