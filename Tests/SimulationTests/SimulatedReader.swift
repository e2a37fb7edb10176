import Client
import Reactor
import Wire

/// A reader that takes what it is sent, or one frame for as long as it is stalled.
final class SimulatedReader: SimulationParticipant {
    private var engine: StreamEngine<SimulatedRing>
    private let seed: UInt64
    private var isStalled: Bool
    /// What it was given and has not let go of.
    private var held: [(ReadID, Int32)] = []
    private(set) var taken: UInt64 = 0
    private(set) var isCompleted = false
    private(set) var areBytesGood = true
    private(set) var failure: StreamFailure?

    init(_ world: SimulatedWorld, _ request: ReadRequest, isStalled: Bool) throws {
        self.isStalled = isStalled
        seed = world.seed
        var settings = EngineSettings()
        settings.slots = 1
        engine = try StreamEngine(ring: world.makeRing(node: "client"), settings: settings)
        let read = engine.read(request)
        precondition(read != nil, "a new engine takes a read")
    }

    func turn() -> Bool {
        var isBusy = engine.turn(waitUntil: engine.now) > 0
        while let event = engine.nextEvent() {
            isBusy = true
            take(event)
        }
        return isBusy
    }

    private func take(_ event: StreamEvent) {
        switch event {
        case .payload(let id, let slot, let offset, let memory):
            for (place, byte) in memory.enumerated()
            where byte != SimulatedWriter.byte(offset + UInt64(place), seed: seed) {
                areBytesGood = false
            }
            taken += UInt64(memory.count)
            if isStalled { held.append((id, slot)) } else { engine.consumed(id, slot: slot) }
        case .readCompleted: isCompleted = true
        case .readFailed(let id, let failure):
            self.failure = failure
            engine.end(id)
        default: break
        }
    }

    var nextDeadline: UInt64? { engine.nextDeadline }

    func goOn() {
        isStalled = false
        for (id, slot) in held { engine.consumed(id, slot: slot) }
        held = []
    }
}
