import Client
import ControlClient
import FoundationEssentials
import Reactor
import System
import Wire

// A put: the library's `PutMachine`, one in each lane. The bytes are made again, so they can always
// be had.
extension Worker {
    mutating func beginPut(_ lane: Int, bytes: UInt64) {
        lanes[lane].work = .put
        lanes[lane].length = bytes
        var settings = PutSettings(
            key: key(lane), supply: .again(bytes), engine: engine.settings)
        settings.overwrite = true
        settings.blockBytes = plan.block
        settings.replicas = plan.replicas
        settings.durability = plan.durability.close
        settings.location = plan.location
        settings.hasOtherChains = chain == nil
        lanes[lane].put = PutMachine(settings)
        tell(lane, PutEvent.began)
    }

    /// Tells the machine, does what it wants, tells it what came of that, and so on.
    mutating func tell(_ lane: Int, _ event: PutEvent) {
        var actions = lanes[lane].put?.take(event, now: engine.now) ?? []
        var done = 0
        while done < actions.count {
            if let answer = perform(lane, actions[done]) {
                actions += lanes[lane].put?.take(answer, now: engine.now) ?? []
            }
            done += 1
        }
        wakeLater(lane)
    }

    private mutating func perform(_ lane: Int, _ action: PutAction) -> PutEvent? {
        switch action {
        case .call(let call, _): return ask(lane, call)
        case .write(let block):
            guard let address = address(of: block.plan) else { return .noAddress(block.order) }
            var request = block.request(at: address)
            request.sealLevel = plan.durability.level
            request.releaseLevel = plan.durability == .received ? .received : .written
            return begun(lane, block.order, engine.write(request))
        case .resume(let order, let write):
            return begun(lane, order, engine.resume(write) ? write : nil)
        case .move(let order, let write, let plan):
            guard let address = address(of: plan) else { return .noAddress(order) }
            let isMoved = engine.move(
                write, block: plan.block, epoch: plan.epoch, opening: plan.opening,
                address: address)
            return begun(lane, order, isMoved ? write : nil)
        case .end(let write): engine.end(write)
        // The namenode misses its heartbeats by itself, and every lane would say the same.
        case .tell, .waiting: break
        case .peek: preconditionFailure("the length is known")
        case .finish(let failure, _):
            lanes[lane].put = nil
            guard let failure else {
                stored(lane)
                break
            }
            fail(lane, LoadFailure(failure))
        }
        return nil
    }

    private mutating func begun(_ lane: Int, _ order: Int, _ write: WriteID?) -> PutEvent {
        guard let write else { return .noRoom(order) }
        writeLane[write.index.place] = lane
        return .begun(order, write)
    }

    /// The answer comes later, or now where there is no namenode.
    private mutating func ask(_ lane: Int, _ call: PutCall) -> PutEvent? {
        guard let chain else {
            guard let operation = lanes[lane].put?.operation(of: call) else { return nil }
            return self.call(lane, .put(call), operation).map { .answered(call, .failure($0)) }
        }
        switch call {
        case .create: return .answered(call, .success(.lease(chain.lease(key(lane)))))
        case .plan(let wish):
            let next = chain.plan(lanes[lane].object, place: wish.order)
            return .answered(call, .success(.plans([next])))
        case .renew, .close, .abandon: return .answered(call, .success(.done))
        }
    }

    private func address(of plan: BlockPlan) -> SocketAddress? {
        address(of: plan.credentials.chain.nodes[0])
    }

    func address(of node: ChainNode) -> SocketAddress? {
        // Datanodes say numeric addresses; a name of --chain costs a look-up of the system's.
        SocketAddress(host: node.host, port: node.port)
            ?? (chain == nil ? nil : SocketAddress(resolving: node))
    }

    // MARK: The stream

    /// A frame of a block was filled up to `end`.
    mutating func provide(
        _ lane: Int, _ id: WriteID, buffer: BufferIndex, count: Int, to end: UInt64
    ) {
        moved &+= UInt64(count)
        engine.provide(id, buffer: buffer, count: count)
        guard end == lanes[lane].put?.block(id)?.length else { return }
        tell(lane, .filled(id, length: end, isSourceEnded: false))
    }

    mutating func writeFailed(_ lane: Int, _ id: WriteID, _ failure: StreamFailure) {
        let known = lanes[lane].put?.retries ?? 0
        tell(lane, .failed(id, failure, isInMemory: engine.isInMemory(id)))
        tally.retries += (lanes[lane].put?.retries ?? known) - known
    }

    private mutating func stored(_ lane: Int) {
        let object = lanes[lane].object
        if phase.task != .putSmall { putEnd[.put] = max(putEnd[.put] ?? 0, object + 1) }
        if phase.task == .mixed, gettable.count < Self.mostGettable { gettable.append(object) }
        done(lane, bytes: lanes[lane].length)
    }
}

extension LoadFailure {
    init(_ failure: PutFailure) {
        switch failure {
        case .call(let failure): self.init(failure)
        case .stream(let failure, let plan, _):
            self.init(failure, node: plan.credentials.chain.nodes[0], block: plan.block)
        case .noAddress(let plan):
            let head = plan.credentials.chain.nodes[0]
            self.init(.unavailable, "datanode \(head.host) has no address")
        case .shortBlock:
            self.init(.unavailable, "the next block cannot hold the one that failed")
        case .source(let error): self.init(error)
        case .noRoom: self.init(ClientError.busy(reason: "this thread has no connection left"))
        }
    }
}
