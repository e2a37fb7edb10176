import Reactor
import Testing

@Suite struct TimerWheelTests {
    /// Nanoseconds of one tick of the wheel.
    static let tick: UInt64 = 1 << 24

    /// The wheel beside a list of deadlines: never early, always fired, and `nextDeadline` never
    /// later than two ticks behind the true one.
    @Test(arguments: UInt64(1)...20)
    func firesWhatANaiveListWouldFire(seed: UInt64) {
        var random = SimulationRandom(seed: seed)
        let owners = 50
        var now: UInt64 = random.pick(0...1 << 40)
        var wheel = TimerWheel(capacity: owners, now: now)
        var model: [UInt32: UInt64] = [:]
        for _ in 0..<4000 {
            let owner = UInt32(random.below(owners))
            switch random.below(10) {
            case 0..<5:
                // Near ones, ones beyond a turn of the wheel, and some in the past.
                let span = random.pick(0...Self.tick << (random.chance(0.2) ? 11 : 5))
                let deadline = random.chance(0.05) ? now - min(now, span) : now + span
                wheel.arm(owner, at: deadline)
                // One in the past is due from its arming.
                model[owner] = max(deadline, now)
            case 5:
                wheel.clear(owner)
                model[owner] = nil
            default:
                now += random.pick(0...Self.tick << (random.chance(0.05) ? 12 : 3))
                expire(&wheel, &model, now: now, seed: seed)
            }
        }
        while let deadline = wheel.nextDeadline {
            now = max(now + 1, deadline)
            expire(&wheel, &model, now: now, seed: seed)
        }
        #expect(model.isEmpty, "seed \(seed): deadlines were forgotten")
    }

    private func expire(
        _ wheel: inout TimerWheel, _ model: inout [UInt32: UInt64], now: UInt64, seed: UInt64
    ) {
        while let owner = wheel.expire(now: now) {
            guard let deadline = model.removeValue(forKey: owner) else {
                Issue.record("seed \(seed): owner \(owner) fired without a deadline")
                continue
            }
            #expect(deadline <= now, "seed \(seed): a deadline fired early")
        }
        let late = model.filter { $0.value + 2 * Self.tick < now }
        #expect(late.isEmpty, "seed \(seed): deadlines are overdue")
        guard let first = model.values.min(), let next = wheel.nextDeadline else {
            #expect(model.isEmpty, "seed \(seed): armed, and no next deadline")
            return
        }
        #expect(next <= max(first, now) + 2 * Self.tick, "seed \(seed): it would wake too late")
    }

    @Test func oneOwnerHasOneDeadline() {
        var wheel = TimerWheel(capacity: 4, now: 0)
        wheel.arm(2, at: 10 * Self.tick)
        wheel.arm(2, at: 40 * Self.tick)
        #expect(wheel.expire(now: 20 * Self.tick) == nil)
        wheel.arm(2, at: 30 * Self.tick)
        #expect(wheel.expire(now: 32 * Self.tick) == 2)
        #expect(wheel.expire(now: 60 * Self.tick) == nil)
        #expect(wheel.nextDeadline == nil)
    }
}
