import Glibc
import Testing

@testable import ControlClient

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
        #expect(throws: ControlFailure.self) {
            try AddressList([], of: "nowhere:1").connect(before: Deadline(after: 5_000))
        }
    }

    @Test func anAddressThatDropsPacketsDoesNotKeepFromTheNext() throws {
        let silent = Listening(backlog: 0)
        silent.fill()
        let good = Listening(backlog: 8)
        let list = AddressList([silent.address, good.address], of: "two:1")
        let (place, descriptor) = try list.connect(before: Deadline(after: 5_000))
        close(descriptor)
        #expect(place == 1)
    }

    @Test func anAddressThatRefusesIsPassedByAtOnce() throws {
        let gone = Listening(backlog: 1)
        let address = gone.address
        gone.end()
        let good = Listening(backlog: 8)
        let list = AddressList([address, good.address], of: "two:1")
        let (place, descriptor) = try list.connect(before: Deadline(after: 5_000))
        close(descriptor)
        #expect(place == 1)
    }

    @Test func withoutAnAnswerTheDeadlineEndsIt() {
        let silent = Listening(backlog: 0)
        silent.fill()
        let list = AddressList([silent.address], of: "one:1")
        #expect(throws: ControlFailure.timedOut(address: "one:1", milliseconds: 50)) {
            try list.connect(before: Deadline(after: 50))
        }
    }

    /// A listening socket that nobody accepts from. With a full queue the kernel drops what comes
    /// to it (listen(2)), as a host that is gone does.
    private final class Listening {
        private var descriptors: [CInt] = []
        let address: AddressList.Address

        init(backlog: CInt) {
            let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
            var here = sockaddr_in()
            here.sin_family = sa_family_t(AF_INET)
            here.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            withUnsafeMutablePointer(to: &here) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                    precondition(bind(listener, bound, length) == 0, "a free port")
                    precondition(listen(listener, backlog) == 0, "a socket listens")
                    getsockname(listener, bound, &length)
                }
            }
            descriptors = [listener]
            address = AddressList.Address(
                family: AF_INET, bytes: withUnsafeBytes(of: here) { Array($0) })
        }

        deinit { end() }

        /// Connects until the queue takes no more.
        func fill() {
            let type = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
            for _ in 0..<4 {
                let descriptor = socket(AF_INET, type, 0)
                address.bytes.withUnsafeBytes { bytes in
                    _ = connect(
                        descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self),
                        socklen_t(bytes.count))
                }
                descriptors.append(descriptor)
            }
        }

        func end() {
            for descriptor in descriptors { close(descriptor) }
            descriptors = []
        }
    }
}
