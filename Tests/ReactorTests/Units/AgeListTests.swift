import Reactor
import Testing

struct AgeListTests {
    private enum Record {}

    private func list(_ places: [Int]) -> AgeList<Record> {
        var list = AgeList<Record>(places: 8)
        for place in places { list.add(RecordIndex(place)) }
        return list
    }

    private func drain(_ list: inout AgeList<Record>) -> [Int] {
        var places: [Int] = []
        while let index = list.oldest {
            places.append(index.place)
            list.remove(index)
        }
        return places
    }

    @Test func theOldestIsTheFirstThatIsLeft() {
        #expect(list([]).oldest == nil)
        var list = list([3, 0, 7, 5])
        #expect(list.count == 4)
        #expect(list.oldest?.place == 3)
        #expect(drain(&list) == [3, 0, 7, 5])
        #expect(list.count == 0)
    }

    @Test(arguments: [3, 7, 5])
    func anyMayLeaveAndComeBackAsTheNewest(_ place: Int) {
        var list = list([3, 7, 5])
        list.remove(RecordIndex(place))
        list.remove(RecordIndex(place))
        #expect(list.count == 2)
        list.add(RecordIndex(place))
        #expect(list.newest?.place == place)
        #expect(drain(&list) == [3, 7, 5].filter { $0 != place } + [place])
    }

    @Test func theOlderOfTwoIsFoundFromTheNewer() {
        let list = list([3, 7])
        #expect(list.older(than: RecordIndex(7))?.place == 3)
        #expect(list.older(than: RecordIndex(3)) == nil)
    }
}
