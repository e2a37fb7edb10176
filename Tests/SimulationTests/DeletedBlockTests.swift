import Testing
import Wire

@testable import DataPath

/// A write token lives on for a while after its block.
struct DeletedBlockTests {
    /// And with the bug planted the block does come back, so that the test is known to see it.
    @Test(arguments: [true, false])
    func aGoodTokenBringsADeletedBlockBackOnlyToWhoForgot(remembers: Bool) throws {
        let scene = try DeviceScene(remembersDeleted: remembers)
        let first = try scene.writer(900_001)
        scene.run(first)
        #expect(first.seal != nil)
        let deletion = Deletion(block: first.block, epoch: Epoch(1))
        #expect(scene.node.datanode.mail.post(.delete(deletion)) == .taken)
        scene.run(try scene.writer(900_002))
        #expect(scene.log.states[first.block] == .gone)

        let again = try scene.writer(900_001)
        scene.run(again)
        #expect(again.failures.map(\.status) == (remembers ? [.notFound] : []))
        #expect(scene.log.states[first.block] == (remembers ? .gone : .sealed))
    }
}
