/// What one run gave.
struct Measurement {
    var seconds: Double
    var cpuSeconds = 0.0
    /// Of each round trip, in seconds, shortest first; empty but for pings.
    var roundTrips: [Double] = []

    /// Runs `plan` over a chain of its own and takes it down again.
    static func take(_ plan: Plan, hops: Int) throws(RoofFailure) -> Measurement {
        let arena = try Arena(packet: plan.packet, slots: 1)
        let chain = try Chain(plan, hops: hops)
        let start = Clock.seconds
        let roundTrips: [Double]
        switch plan.mode {
        case .write:
            for _ in 0..<plan.count { try chain.client.sendAll(arena.slot(0), plan.packet) }
            try chain.client.awaitSignal()
            roundTrips = []
        case .read:
            for _ in 0..<plan.count { try chain.client.receiveAll(arena.slot(0), plan.packet) }
            roundTrips = []
        case .ping:
            roundTrips = try ping(plan, chain.client, arena)
        }
        var result = Measurement(seconds: Clock.seconds - start)
        result.cpuSeconds = try chain.finish()
        result.roundTrips = roundTrips
        return result
    }

    private static func ping(
        _ plan: Plan, _ client: Socket, _ arena: borrowing Arena
    ) throws(RoofFailure) -> [Double] {
        var taken: [Double] = []
        taken.reserveCapacity(plan.count)
        for _ in 0..<plan.count {
            let start = Clock.seconds
            try client.sendAll(arena.slot(0), plan.packet)
            try client.awaitSignal()
            taken.append(Clock.seconds - start)
        }
        return taken.sorted()
    }

    /// The round trip that `share` of all were not longer than, in microseconds.
    func microseconds(_ share: Double) -> Double {
        roundTrips[min(roundTrips.count - 1, Int(Double(roundTrips.count) * share))] * 1e6
    }
}
