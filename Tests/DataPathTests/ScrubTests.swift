import Testing
import Wire

@testable import DataPath

@Suite("Scrub decisions")
struct ScrubTests {
    private static let second: UInt64 = 1_000_000_000

    @Test func aPassTakesFourFifthsOfThePeriodAndNoReadMoreThanItsShare() {
        let period = 1_000 * Self.second
        var pace = ScrubPace(period: period, share: 5, now: 0)
        var now: UInt64 = 0
        var busy: UInt64 = 0
        let pieces: UInt64 = 1_000
        for _ in 0..<pieces {
            now = max(now, pace.start(isUrgent: false) ?? .max)
            let took: UInt64 = 10_000_000
            pace.finished(
                started: now, now: now + took, bytes: 1 << 20, of: pieces << 20, isUrgent: false)
            now += took
            busy += took
        }
        #expect(now >= period * 79 / 100 && now <= period * 81 / 100)
        #expect(busy * 20 <= now + ScrubPace.burst)
    }

    @Test func theShareHoldsWhenThePeriodIsTooShort() {
        var pace = ScrubPace(period: Self.second, share: 5, now: 0)
        var now: UInt64 = 0
        var busy: UInt64 = 0
        for piece in 0..<100 {
            // Writers make the device slower and slower: the scrub gives way with it.
            let took = UInt64(1 + piece) * 1_000_000
            now = max(now, pace.start(isUrgent: piece % 2 == 0) ?? .max)
            pace.finished(
                started: now, now: now + took, bytes: 1 << 20, of: 1 << 30,
                isUrgent: piece % 2 == 0)
            now += took
            busy += took
        }
        let rest = pace.start(isUrgent: true) ?? 0
        #expect(busy * 20 <= rest + ScrubPace.burst)
        // And no less than the share, when there is so much to do.
        #expect(busy * 20 >= rest)
    }

    @Test func withoutAPeriodOnlyWhatIsAskedForIsRead() {
        let pace = ScrubPace(period: 0, share: 5, now: 7)
        #expect(pace.start(isUrgent: false) == nil)
        #expect(pace.start(isUrgent: true) == 0)
    }

    private static func index(_ numbers: some Sequence<UInt64>, device: Int = 0) -> BlockIndex {
        var index = BlockIndex()
        for number in numbers {
            index.set(
                BlockID(number),
                BlockRecord(
                    epoch: Epoch(1), length: 100, checksum: 0, state: .sealed, device: device))
        }
        return index
    }

    /// Reads as many blocks as there are steps and answers their numbers.
    private static func read(_ tour: inout ScrubTour, _ index: BlockIndex, _ steps: Int) -> [UInt64]
    {
        var seen: [UInt64] = []
        for _ in 0..<steps {
            for _ in 0..<2 where tour.needsSurvey {
                _ = tour.take(ScrubSurvey(of: index, device: 0, after: tour.after))
            }
            guard let choice = tour.choice else { break }
            seen.append(choice.block.number)
            tour.passed(choice)
        }
        return seen
    }

    @Test func everyBlockIsMetOnceInAPassAlsoAcrossARestart() {
        let numbers = Array(1...5_000).map { UInt64($0 * 3) }
        let index = Self.index(numbers)
        var tour = ScrubTour()
        let first = Self.read(&tour, index, 2_345)
        var resumed = ScrubTour(after: tour.after, passes: tour.passes)
        let second = Self.read(&resumed, index, numbers.count - 2_345)
        #expect(first + second == numbers)
        #expect(resumed.passes == 0)
        let third = Self.read(&resumed, index, 1)
        #expect(third == [3])
        #expect(resumed.passes == 1)
    }

    @Test func otherDevicesAndStatesAreLeftOut() {
        var index = Self.index([1, 2, 3])
        index.set(
            BlockID(2),
            BlockRecord(epoch: Epoch(1), length: 1, checksum: 0, state: .corrupt, device: 0))
        index.set(
            BlockID(3),
            BlockRecord(epoch: Epoch(1), length: 1, checksum: 0, state: .sealed, device: 1))
        let survey = ScrubSurvey(of: index, device: 0, after: BlockID(0))
        #expect(survey.next == [BlockID(1)])
        #expect(survey.bytes == 100 + BlockLayout.payloadOffset)
    }

    @Test func whatIsAskedForComesFirstAndIsBounded() {
        let index = Self.index(1...10)
        var tour = ScrubTour()
        _ = Self.read(&tour, index, 3)
        let isTaken = tour.ask(BlockID(9)) && tour.ask(BlockID(9))
        #expect(isTaken)
        #expect(tour.choice == ScrubTour.Choice(block: BlockID(9), isUrgent: true, isOfPass: false))
        let read = Self.read(&tour, index, 3)
        #expect(read == [9, 4, 5])
        let taken = (0..<UInt64(Budget.scrubAsked)).map { tour.ask(BlockID(100 + $0)) }
        #expect(!taken.contains(false))
        let isBeyond = tour.ask(BlockID(7))
        #expect(!isBeyond)
        #expect(tour.waiting == UInt64(Budget.scrubAsked))
    }

    @Test func aRushMeetsEveryBlockThoughABlockIsBeingRead() throws {
        let index = Self.index(1...10)
        var tour = ScrubTour()
        _ = Self.read(&tour, index, 5)
        let reading = try #require(tour.choice)
        tour.askAll()
        tour.passed(reading)
        let read = Self.read(&tour, index, 10)
        #expect(read == Array(1...10))
        #expect(tour.waiting == 0)
    }

    @Test func aScrubFileComesBackAsItWas() throws {
        var file = ScrubFile()
        file.passes = [
            ScrubFile.Pass(reactor: 0, reactors: 2, after: BlockID(0x4d2), passes: 3),
            ScrubFile.Pass(reactor: 1, reactors: 2, after: BlockID(.max), passes: 4),
        ]
        file.corrupt = [BlockID(7): Epoch(1), BlockID(0x17): Epoch(9)]
        #expect(ScrubFile(file.text) == file)
        #expect(ScrubFile(ScrubFile().text) == ScrubFile())
        // Cut anywhere but at a line's end, it is not taken for a shorter one.
        let text = file.text
        for count in 0..<text.utf8.count {
            let cut = String(decoding: text.utf8.prefix(count), as: UTF8.self)
            #expect(ScrubFile(cut) == nil || cut.last == "\n")
        }
        #expect(ScrubFile("catena-scrub 2\n") == nil)
    }

    @Test func aDeletedNumberIsRememberedUpToItsEpochAndWithinABound() {
        var deleted = DeletedNumbers()
        deleted.insert(BlockID(1), Epoch(2))
        #expect(deleted.contains(BlockID(1), Epoch(1)) && deleted.contains(BlockID(1), Epoch(2)))
        #expect(!deleted.contains(BlockID(1), Epoch(3)) && !deleted.contains(BlockID(2), Epoch(1)))
        for number in 0..<UInt64(Budget.deletedNumbers) {
            deleted.insert(BlockID(10 + number), Epoch(1))
        }
        #expect(!deleted.contains(BlockID(1), Epoch(1)))
        #expect(deleted.contains(BlockID(10), Epoch(1)))
    }
}
