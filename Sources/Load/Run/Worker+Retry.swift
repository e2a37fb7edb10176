import Client
import Reactor
import Wire

// A block whose stream stopped: the same stream again, or the same bytes as another block on
// another chain, as the client library does it. The bytes are made again, so they can always be
// had.
extension Worker {
    mutating func writeFailed(_ lane: Int, _ id: WriteID, _ failure: StreamFailure) {
        guard let index = block(lane, id) else { return engine.end(id) }
        let block = lanes[lane].writing[index]
        let head = block.plan.credentials.chain.nodes[0]
        let step = lanes[lane].writing[index].retry.failed(
            failure, head: head.node, canMove: chain == nil, isOver: isOver(lane, failure))
        switch step {
        case .resume:
            tally.retries += 1
            sleep(lane, lanes[lane].writing[index].retry.pause, .resume(order: block.order))
        case .newBlock(let node):
            tally.retries += 1
            if let node { lanes[lane].planning.failed(node) }
            lanes[lane].writing[index].isReplacing = true
            lanes[lane].writing[index].isFilled = false
            lanes[lane].writing[index].write = nil
            engine.end(id)
            sleep(lane, lanes[lane].writing[index].retry.pause, .plan(order: block.order))
            forgetPlanned(lane)
        case .giveUp: fail(lane, LoadFailure(failure, node: head, block: block.plan.block))
        }
    }

    /// Whether a lane whose stream failed has been without progress for too long.
    mutating func isOver(_ lane: Int, _ failure: StreamFailure) -> Bool {
        lanes[lane].patience.isOver(at: engine.now, after: failure.silence(engine.settings.progressTimeout))
    }

    mutating func resume(_ lane: Int, _ order: Int) {
        guard let index = lanes[lane].writing.firstIndex(where: { $0.order == order }) else {
            return
        }
        guard let write = lanes[lane].writing[index].write else { return rewrite(lane, index) }
        if !engine.resume(write) { sleep(lane, 1_000_000, .resume(order: order)) }
    }

    /// The chain that takes a stopped block's place.
    mutating func replaced(_ lane: Int, order: Int, _ message: ControlBlockPlan) {
        guard let index = lanes[lane].writing.firstIndex(where: { $0.order == order }) else {
            return
        }
        lanes[lane].planning.planned()
        do throws(ClientError) {
            lanes[lane].writing[index].plan = try Client.plan(message)
        } catch {
            return fail(lane, LoadFailure(error))
        }
        rewrite(lane, index)
    }

    private mutating func rewrite(_ lane: Int, _ index: Int) {
        let block = lanes[lane].writing[index]
        guard block.plan.maxLength >= block.length else {
            return fail(
                lane, LoadFailure(.unavailable, "the next block cannot hold the one that failed"))
        }
        guard let write = begin(lane, block) else { return }
        lanes[lane].writing[index].write = write
        lanes[lane].writing[index].isReplacing = false
        planNext(lane)
    }

    func address(of node: ChainNode) -> SocketAddress? {
        // Datanodes say numeric addresses; a name of --chain costs a look-up of the system's.
        SocketAddress(host: node.host, port: node.port)
            ?? (chain == nil ? nil : SocketAddress(resolving: node))
    }
}
