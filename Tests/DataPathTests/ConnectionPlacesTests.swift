import Reactor
import TestSupport
import Testing
import Transport

@testable import DataPath

struct ConnectionPlacesTests {
    private func places(_ count: Int) -> ConnectionPlaces {
        var budget = Budget()
        budget.connections = count
        return ConnectionPlaces(budget, door: nil)
    }

    /// How many places there are for one purpose.
    private func fill(
        _ places: inout ConnectionPlaces, for purpose: ConnectionPlaces.Purpose
    ) -> Int {
        var count = 0
        while places.reserve(for: purpose) { count += 1 }
        return count
    }

    @Test func acceptsLeaveASixteenthToNextNodes() {
        var places = places(64)
        let accepted = fill(&places, for: .accept)
        let isCrowded = places.isCrowded
        #expect(accepted == 60 && isCrowded)
        let arrived = fill(&places, for: .arrival)
        let dialled = fill(&places, for: .dial)
        #expect(arrived == 2 && dialled == 2)
    }

    @Test func whoClosesCountsAsGone() {
        var places = places(64)
        _ = fill(&places, for: .accept)
        places.leave(3)
        let isCrowded = places.isCrowded
        let early = fill(&places, for: .accept)
        #expect(!isCrowded && early == 0, "its place comes back later")
        places.left()
        let accepted = fill(&places, for: .accept)
        #expect(accepted == 1)
    }

    @Test func strangersHoldHalfAndTheOldestGivesWay() {
        var places = places(16)
        let first = (0..<8).map { places.enter(ConnectionIndex($0)) }
        #expect(first.allSatisfy { $0 == nil })
        let ninth = places.enter(8)
        #expect(ninth == 0)
        places.leave(0)
        places.authenticate(1)
        let next = [places.enter(9), places.enter(10)]
        #expect(next == [nil, 2])
    }

    @Test func theNewestIsNeverAskedToGoAndStreamsStay() {
        var places = places(16)
        for index in ConnectionIndex.places(4) {
            let pushed = places.enter(index)
            #expect(pushed == nil)
            places.authenticate(index)
        }
        places.begin(0)
        _ = places.enter(4)
        let idlest = places.givesWay
        #expect(idlest == 1, "who is idle longest, not the stranger that just came")
        places.rest(0)
        for index in [1, 2, 3] as [ConnectionIndex] { places.leave(index) }
        let last = places.givesWay
        #expect(last == 0)
        places.begin(0)
        let nobody = places.givesWay
        #expect(nobody == nil)
        _ = places.enter(5)
        let stranger = places.givesWay
        #expect(stranger == 4)
    }
}
