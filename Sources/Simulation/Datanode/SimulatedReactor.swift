import DataPath
import Reactor

/// One reactor of a simulated datanode; a box, because a datanode is not copied.
package final class SimulatedReactor {
    package var node: Datanode<FaultRing<SimulatedRing>>

    package init(_ node: consuming Datanode<FaultRing<SimulatedRing>>) { self.node = node }
}
