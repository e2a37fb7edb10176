import Control
import Foundation
import Logging
import Testing
import Wire

@Suite("Who gives way when connections run out")
struct ConnectionEvictionTests {
    private let here = PeerAddress(ipv4: 1)
    private let there = PeerAddress(ipv4: 2)

    private func seats(
        _ count: Int, of address: PeerAddress, from number: UInt64 = 0, heard: Int64 = 0,
        isIdle: Bool = true, hasAsked: Bool = true
    ) -> [Seat] {
        (0..<UInt64(count)).map { place in
            Seat(
                number: number + place, address: address, heard: heard + Int64(place),
                isIdle: isIdle, hasAsked: hasAsked)
        }
    }

    private func leaving(_ seats: [Seat], to newcomer: PeerAddress, now: Int64 = 10_000) -> [UInt64]
    {
        ConnectionEviction.givingWay(
            among: seats.shuffled(), to: newcomer, quietMs: 1_000, now: now)
    }

    @Test func thoseSilentForLongestOfTheAddressThatHasMost() {
        let all = seats(8, of: here, from: 100) + seats(120, of: there, from: 200, heard: 50)
        #expect(leaving(all, to: here) == [200, 201])
        #expect(leaving(all, to: there) == [200, 201])
    }

    @Test func anActiveOneStaysWhileAnotherIsIdle() {
        let idle = seats(1, of: here, from: 7)
        let active = seats(60, of: there, from: 100, heard: 9_900)
        #expect(leaving(idle + active, to: there) == [7])
    }

    @Test func whoNeverAskedGoesBeforeWhoWasSilentForLonger() {
        let asked = seats(10, of: here)
        let silent = seats(2, of: here, from: 50, heard: 9_990, hasAsked: false)
        #expect(leaving(asked + silent, to: here) == [50])
    }

    @Test func withoutAnIdleOneOnlyAnAddressThatHasMoreThanTheNewcomer() {
        let active = seats(9, of: here, heard: 9_900) + seats(2, of: there, from: 50, heard: 9_500)
        #expect(leaving(active, to: there) == [0])
        #expect(leaving(active, to: here) == [])
        let waiting = seats(9, of: here, isIdle: false)
        #expect(leaving(waiting, to: there) == [0])
        #expect(leaving(waiting, to: here) == [])
    }

    @Test func standingsShareAllPlaces() {
        let bounds = Bounds()
        #expect(
            Standing.allCases.reduce(0) { $0 + bounds.connections($1) } == bounds.connections)
        #expect(bounds.connections(.datanode) >= bounds.nodes)
    }

    @Test func anAddressIsAWholeIPv6Network() {
        let mapped = [UInt8](repeating: 0, count: 10) + [0xff, 0xff, 0, 0, 0, 1]
        #expect(PeerAddress(ipv6: mapped) == here)
        let one = [UInt8](0..<16)
        #expect(PeerAddress(ipv6: one) == PeerAddress(ipv6: [UInt8](0..<8) + mapped[8...]))
        #expect(PeerAddress(ipv6: one) != PeerAddress(ipv6: [9] + one[1...]))
    }
}
