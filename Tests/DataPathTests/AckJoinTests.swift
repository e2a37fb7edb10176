import Testing
import Wire

@testable import DataPath

struct AckJoinTests {
    @Test func theTailSpeaksForItself() {
        var join = AckJoin(isTail: true)
        #expect(!join.isDue, "not before its file is open")
        join.isFileReady = true
        #expect(join.isDue, "the first answer comes before any data")
        let answer1 = join.take() == Progress()
        #expect(answer1)
        #expect(!join.isDue)
        join.own = Progress(received: 10, written: 5)
        #expect(join.isDue)
        let answer2 = join.take() == Progress(received: 10, written: 5)
        #expect(answer2)
    }

    /// Frames of 10 bytes: every second one is told, and the last one at once.
    @Test func anAdvanceIsToldEverySecondFrameOrWhenNothingMoreIsComing() {
        var join = AckJoin(isTail: true)
        join.isFileReady = true
        _ = join.take()
        join.pace = AckJoin.Pace(level: .written, step: 20)
        join.own = Progress(received: 40)
        #expect(!join.isDue, "the writer waits for written")
        join.own = Progress(received: 40, written: 10)
        #expect(!join.isDue, "three more are on their way to the device")
        join.own = Progress(received: 40, written: 20)
        #expect(join.isDue)
        _ = join.take()
        join.own = Progress(received: 70, written: 30)
        #expect(!join.isDue, "five are not acked")
        join.own = Progress(received: 50, written: 30)
        #expect(join.isDue, "few are, and their writer may wait for one")
        join.own = Progress(received: 30, written: 30)
        #expect(join.isDue, "nothing more is on its way")
    }

    @Test func whoWaitsForReceivedIsToldBothLevels() {
        var join = AckJoin(isTail: true)
        join.isFileReady = true
        _ = join.take()
        join.pace = AckJoin.Pace(level: .received, step: 20)
        join.own = Progress(received: 10)
        #expect(join.isDue)
        _ = join.take()
        join.own = Progress(received: 10, written: 10)
        #expect(join.isDue)
    }

    @Test func aMemberTellsTheLeastOfItselfAndTheChainBehind() {
        var join = AckJoin(isTail: false)
        join.isFileReady = true
        join.own = Progress(received: 100, written: 50)
        #expect(!join.isDue, "the chain behind has not answered")
        let answer3 = join.accept(Progress(received: 60, written: 60), limit: 100)
        #expect(answer3)
        let answer4 = join.take() == Progress(received: 60, written: 50)
        #expect(answer4)
        let answer5 = join.accept(Progress(received: 60, written: 60, durable: 60), limit: 100)
        #expect(answer5)
        #expect(!join.isDue, "durable behind is not durable here")
    }

    @Test func anAckAgainstTheRulesIsRefused() {
        var join = AckJoin(isTail: false)
        let answer6 = join.accept(Progress(received: 20, written: 10), limit: 30)
        #expect(answer6)
        let answer7 = join.accept(Progress(received: 19, written: 10), limit: 30)
        #expect(!answer7, "back")
        let answer8 = join.accept(Progress(received: 31, written: 10), limit: 30)
        #expect(!answer8, "beyond")
        let answer9 = join.accept(Progress(received: 20, written: 21), limit: 30)
        #expect(!answer9, "disordered")
    }

    @Test func aDuplicateIsAnsweredThoughNothingAdvanced() {
        var join = AckJoin(isTail: true)
        join.isFileReady = true
        _ = join.take()
        join.owe()
        #expect(join.isDue)
        _ = join.take()
        #expect(!join.isDue)
    }

    @Test func aNewStreamIsAnsweredFromTheStart() {
        var join = AckJoin(isTail: false)
        join.isFileReady = true
        join.own = Progress(received: 9, written: 9)
        let answer10 = join.accept(Progress(received: 9, written: 9), limit: 9)
        #expect(answer10)
        _ = join.take()
        join.restart()
        #expect(!join.isDue)
        #expect(join.joined() == Progress())
        let answer11 = join.accept(Progress(received: 4, written: 4), limit: 9)
        #expect(answer11)
        let answer12 = join.take() == Progress(received: 4, written: 4)
        #expect(answer12)
    }
}

struct SealStateTests {
    @Test func theAnswerWaitsForThisNodeAndTheChainBehind() {
        var seal = SealState()
        let answer13 = seal.request(length: 5, checksum: 1, level: .written)
        #expect(answer13)
        #expect(seal.answer(isTail: true) == nil)
        seal.reached = .written
        #expect(seal.answer(isTail: true) == .written)
        #expect(seal.answer(isTail: false) == nil)
        seal.behind = .durable
        #expect(seal.answer(isTail: false) == .written)
    }

    @Test func durableWaitsForDurable() {
        var seal = SealState()
        let answer14 = seal.request(length: 5, checksum: 1, level: .durable)
        #expect(answer14)
        seal.reached = .written
        seal.behind = .durable
        #expect(seal.answer(isTail: false) == nil)
        seal.reached = .durable
        #expect(seal.answer(isTail: false) == .durable)
        seal.isAnswered = true
        #expect(seal.answer(isTail: false) == nil)
    }

    @Test func anotherSealIsRefusedAndTheSameOneIsAskedAgain() {
        var seal = SealState()
        let answer15 = seal.request(length: 5, checksum: 1, level: .written)
        #expect(answer15)
        let answer16 = seal.request(length: 6, checksum: 1, level: .written)
        #expect(!answer16)
        let answer17 = seal.request(length: 5, checksum: 2, level: .written)
        #expect(!answer17)
        seal.reached = .written
        seal.restart(isBegun: true)
        #expect(seal.answer(isTail: true) == nil, "the new stream has not asked")
        let answer18 = seal.request(length: 5, checksum: 1, level: .written)
        #expect(answer18)
        #expect(seal.answer(isTail: true) == .written)
    }
}
