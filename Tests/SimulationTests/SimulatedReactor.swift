import DataPath
import Reactor

/// One reactor of a simulated datanode; a box, because a datanode is not copied.
final class SimulatedReactor {
    var node: Datanode<SimulatedRing>

    init(_ node: consuming Datanode<SimulatedRing>) { self.node = node }
}
