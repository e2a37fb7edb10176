import Client
import Reactor
import Wire

/// One thing a client does: a put, a get, or one call.
protocol ClientJob: AnyObject {
    /// Does what can be done now.
    /// - Returns: whether anything was done.
    func step() -> Bool
    func take(_ event: StreamEvent)
    var nextDeadline: UInt64? { get }
    var isOver: Bool { get }
}

/// A client's stream engine; a box, because an engine is not copied.
final class SimulatedEngine {
    var engine: StreamEngine<SimulatedRing>

    var buffers: Int { engine.settings.buffers }
    var freeBuffers: Int { engine.freeBuffers }

    init(_ world: SimulatedWorld, node: String, sentPacketBytes: Int) {
        var settings = EngineSettings()
        settings.packetBytes = 64 << 10
        settings.sentPacketBytes = sentPacketBytes
        settings.buffers = 8
        settings.windowFrames = 8
        settings.connections = 8
        settings.writes = 2
        settings.reads = 2
        settings.progressTimeout = 3_000_000_000
        settings.sealDeadlines = 2
        settings.checksInvariants = true
        do throws(RingFailure) {
            engine = try StreamEngine(
                ring: world.makeRing(node: node), settings: settings,
                random: world.challenges(of: node))
        } catch {
            preconditionFailure("a simulated ring has what it needs: \(error)")
        }
    }
}
