import Load
import Testing

@Suite struct ScheduleTests {
    private func drain(_ schedule: inout Schedule, now: UInt64) -> [UInt64] {
        var keys: [UInt64] = []
        while case .start(let key, _) = schedule.next(now: now) { keys.append(key) }
        return keys
    }

    @Test("workers share the objects, each once")
    func shares() {
        var all: [UInt64] = []
        for worker in 0..<3 {
            var schedule = Schedule(
                worker: worker, of: 3, keys: 10, rate: nil, start: 5, end: nil)
            #expect(schedule.next(now: 4) == .wait(until: 5))
            all += drain(&schedule, now: 5)
            #expect(schedule.next(now: 5) == .finished)
        }
        #expect(all.sorted() == Array(0..<10))
    }

    @Test("with an end, operations go around the objects until then")
    func around() {
        func keys(worker: Int, of keys: UInt64) -> [UInt64] {
            var schedule = Schedule(
                worker: worker, of: 2, keys: keys, rate: nil, start: 0, end: 100)
            let taken = (UInt64(0)..<5).compactMap { now -> UInt64? in
                guard case .start(let key, let intended) = schedule.next(now: now) else {
                    return nil
                }
                #expect(intended == now)
                return key
            }
            #expect(schedule.next(now: 100) == .finished)
            return taken
        }
        // Two workers never have one object at once.
        #expect(keys(worker: 0, of: 5) == [0, 2, 4, 0, 2])
        #expect(keys(worker: 1, of: 5) == [1, 3, 1, 3, 1])
        // Unless there are fewer than workers.
        #expect(keys(worker: 1, of: 1) == [0, 0, 0, 0, 0])
    }

    @Test("an object that is still at work is left out, and the intended starts stay")
    func another() {
        var schedule = Schedule(
            worker: 0, of: 1, keys: 3, rate: 1e9, start: 0, end: 100)
        #expect(schedule.next(now: 50) == .start(key: 0, intended: 0))
        #expect(schedule.next(now: 50) == .start(key: 1, intended: 1))
        #expect(schedule.another() == 2)
        #expect(schedule.another() == 0)
        #expect(schedule.next(now: 50) == .start(key: 1, intended: 2))
    }

    @Test("an open loop keeps intended starts through a stall, and counts what never began")
    func openLoop() {
        // Ten a second of two workers together: this one's are at 0, 200, 400 ms ...
        var schedule = Schedule(
            worker: 0, of: 2, keys: nil, rate: 10, start: 1_000, end: 1_000_001_000)
        #expect(schedule.next(now: 1_000) == .start(key: 0, intended: 1_000))
        #expect(schedule.next(now: 1_000) == .wait(until: 200_001_000))
        // Nothing was taken for 500 ms: what was due then is late by what it waited.
        #expect(schedule.next(now: 500_000_000) == .start(key: 2, intended: 200_001_000))
        #expect(schedule.next(now: 500_000_000) == .start(key: 4, intended: 400_001_000))
        #expect(schedule.next(now: 500_000_000) == .wait(until: 600_001_000))
        #expect(schedule.next(now: 2_000_000_000) == .finished)
        var missed: [UInt64] = []
        while let intended = schedule.nextMissed() { missed.append(intended) }
        #expect(missed == [600_001_000, 800_001_000])
    }

    @Test("a closed loop misses nothing")
    func closedLoop() {
        var schedule = Schedule(worker: 0, of: 1, keys: nil, rate: nil, start: 0, end: 10)
        #expect(schedule.nextMissed() == nil)
    }
}
