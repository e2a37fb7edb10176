import Testing
import Wire

@testable import Simulation

/// A write token lives on for a while after its block.
struct DeletedBlockTests {
    /// And with the bug planted the block does come back, so that the test is known to see it.
    @Test(arguments: [nil, Plant.forgottenDeletions])
    func aGoodTokenBringsADeletedBlockBackOnlyToWhoForgot(plant: Plant?) throws {
        let scene = OneNode(plant: plant)
        let first = try scene.write(900_001)
        #expect(first.seal != nil)
        scene.node.post(.delete(Deletion(block: first.block, epoch: Epoch(1))))
        #expect(
            scene.cluster.drive(for: 1_000_000_000) {
                scene.node.reported(first.block)?.state == .gone
            })
        let again = try scene.write(900_001)
        let breach = scene.cluster.oracle.breach
        if plant == nil {
            #expect(again.failure?.status == .notFound)
            #expect(scene.node.reported(first.block)?.state == .gone)
            #expect(breach == nil)
        } else {
            #expect(breach?.oracle == .deleted)
        }
    }
}
