import Reactor
import Testing

struct AgeListTests {
    private func drain(_ list: inout AgeList) -> [Int32] {
        var places: [Int32] = []
        while let place = list.oldest {
            places.append(place)
            list.remove(place)
        }
        return places
    }

    @Test func theOldestIsTheFirstThatIsLeft() {
        var list = AgeList(places: 8)
        #expect(list.oldest == nil)
        for place: Int32 in [3, 0, 7, 5] { list.add(place) }
        #expect(list.count == 4)
        #expect(list.oldest == 3)
        #expect(drain(&list) == [3, 0, 7, 5])
        #expect(list.count == 0)
    }

    @Test(arguments: [3, 7, 5] as [Int32])
    func anyMayLeaveAndComeBackAsTheNewest(_ place: Int32) {
        var list = AgeList(places: 8)
        for place: Int32 in [3, 7, 5] { list.add(place) }
        list.remove(place)
        list.remove(place)
        #expect(list.count == 2)
        list.add(place)
        #expect(drain(&list) == [3, 7, 5].filter { $0 != place } + [place])
    }
}
