import Client
import FoundationEssentials
import Wire

// A put: CREATE, then blocks, each ADDBLOCK, write and seal, then CLOSE. The next block is asked
// for while one is filled, and written while that one is sealed, so that a stream is never idle
// between blocks.
extension Worker {
    /// Blocks of one object that are filled or sealed at once.
    static let mostWriting = 2
    /// Blocks that one ADDBLOCK is asked for: they cost the namenode one commit.
    private static let mostPlanned: UInt32 = 16
    private static let closePause: UInt64 = 100_000_000

    mutating func beginPut(_ lane: Int, bytes: UInt64) {
        lanes[lane].work = .put
        lanes[lane].length = bytes
        guard chain == nil else { return planNext(lane) }
        var message = ControlCreate()
        message.key = key(lane)
        message.overwrite = true
        call(lane, .create, .create(message))
    }

    /// Keeps a lease, to be renewed when a third of its time has passed.
    mutating func hold(_ lane: Int, _ lease: ControlLease) {
        lanes[lane].lease = lease.leaseID
        lanes[lane].leaseMilliseconds = min(lease.durationMs, 1 << 32)
        lanes[lane].renewAt = engine.now + lanes[lane].leaseMilliseconds * 1_000_000 / 3
    }

    mutating func created(_ lane: Int, _ lease: ControlLease) {
        hold(lane, lease)
        if lanes[lane].work == .create { cycleCreated(lane) } else { planNext(lane) }
    }

    /// Asks for the next blocks, unless some are planned or everything is.
    mutating func planNext(_ lane: Int) {
        guard !lanes[lane].isPlanning, lanes[lane].planned.isEmpty,
            // One refusal at a time: a block that is to be replaced comes first.
            !lanes[lane].writing.contains(where: \.isReplacing),
            lanes[lane].plannedBytes < lanes[lane].length
        else { return }
        lanes[lane].isPlanning = true
        if let chain {
            let place = lanes[lane].receipts.count
            planned(lane, [chain.plan(lanes[lane].object, place: place)])
        } else {
            askForBlock(lane, replacing: nil)
        }
    }

    mutating func askForBlock(_ lane: Int, replacing order: Int?) {
        var message = ControlAddBlock()
        message.leaseID = lanes[lane].lease
        message.sizeHint = lanes[lane].length - lanes[lane].plannedBytes
        message.count = Self.mostPlanned
        message.blockBytes = plan.block ?? 0
        if let order, let block = lanes[lane].writing.first(where: { $0.order == order }) {
            message.sizeHint = block.length
            message.count = 1
        }
        message.replicas = UInt32(plan.replicas)
        message.location = plan.location
        message.exclude = lanes[lane].planning.excluded.map { Data($0.bytes) }
        call(
            lane, order == nil ? .addBlock : .replaceBlock, .addBlock(message), order: order ?? 0)
    }

    mutating func planned(_ lane: Int, _ message: ControlBlockPlan) {
        if lanes[lane].work == .create { return cyclePlanned(lane) }
        do throws(ClientError) {
            planned(lane, try Client.plans(message))
        } catch {
            fail(lane, LoadFailure(error))
        }
    }

    private mutating func planned(_ lane: Int, _ plans: [BlockPlan]) {
        lanes[lane].isPlanning = false
        lanes[lane].planning.planned()
        for plan in plans {
            let start = lanes[lane].plannedBytes
            let length = min(plan.maxLength, self.plan.block ?? .max, lanes[lane].length - start)
            guard length > 0 else { break }
            lanes[lane].planned.append(
                LaneBlock(
                    order: lanes[lane].receipts.count, start: start, length: length, plan: plan,
                    retry: WriteRetry()))
            lanes[lane].receipts.append(ControlReceipt())
            lanes[lane].plannedBytes += length
        }
        writePlanned(lane)
    }

    /// A node failed: what is planned may need it, so it is planned anew. CLOSE frees the old ones.
    mutating func forgetPlanned(_ lane: Int) {
        lanes[lane].receipts.removeLast(lanes[lane].planned.count)
        for block in lanes[lane].planned { lanes[lane].plannedBytes -= block.length }
        lanes[lane].planned = []
        planNext(lane)
    }

    /// There is no chain for the next block, or for one that is to be replaced.
    mutating func notPlanned(
        _ lane: Int, _ note: CallNote, _ failure: LoadFailure, _ code: ControlCode
    ) {
        let isOver = lanes[lane].patience.isOver(at: engine.now)
        guard let pause = lanes[lane].planning.pause(after: code, isOver: isOver) else {
            return fail(lane, failure)
        }
        sleep(
            lane, pause,
            .plan(order: note.purpose == .replaceBlock ? note.order : nil))
    }

    /// Begins the planned block when the one before it is filled.
    mutating func writePlanned(_ lane: Int) {
        guard var block = lanes[lane].planned.first,
            lanes[lane].writing.count < Self.mostWriting,
            lanes[lane].writing.allSatisfy(\.isFilled)
        else { return }
        guard let write = begin(lane, block) else { return }
        block.write = write
        lanes[lane].planned.removeFirst()
        lanes[lane].writing.append(block)
        planNext(lane)
    }

    /// Begins a block's stream; `nil` when it must wait for one, or when the lane failed.
    mutating func begin(_ lane: Int, _ block: LaneBlock) -> WriteID? {
        guard let request = request(lane, block) else { return nil }
        guard let write = engine.write(request) else {
            sleep(lane, 1_000_000, block.isReplacing ? .resume(order: block.order) : .write)
            return nil
        }
        writeLane[Int(write.index)] = lane
        return write
    }

    private mutating func request(_ lane: Int, _ block: LaneBlock) -> WriteRequest? {
        let head = block.plan.credentials.chain.nodes[0]
        guard let address = address(of: head) else {
            fail(lane, LoadFailure(.unavailable, "datanode \(head.host) has no address"))
            return nil
        }
        var request = WriteRequest(
            block: block.plan.block, epoch: block.plan.epoch,
            opening: block.plan.opening, address: address,
            maxBytes: block.length)
        request.length = block.length
        request.level = plan.durability.level
        request.releaseLevel = plan.durability == .received ? .received : .written
        return request
    }

    mutating func sealed(_ lane: Int, _ id: WriteID, _ seal: BlockSeal) {
        guard let index = block(lane, id) else { return }
        let block = lanes[lane].writing.remove(at: index)
        lanes[lane].receipts[block.order] = receiptMessage(seal.receipt)
        lanes[lane].sealedBytes += block.length
        guard lanes[lane].sealedBytes == lanes[lane].length else { return writePlanned(lane) }
        close(lane)
    }

    mutating func close(_ lane: Int) {
        guard chain == nil else { return committed(lane) }
        var message = ControlClose()
        message.leaseID = lanes[lane].lease
        message.blocks = lanes[lane].receipts
        message.durability =
            switch plan.durability {
            case .received: .none
            case .written: .written
            case .durable: .durable
            }
        call(lane, .close, .close(message))
    }

    /// CLOSE was refused with a code that may pass.
    mutating func notClosed(_ lane: Int, _ failure: LoadFailure) {
        let end = lanes[lane].closeEnd ?? engine.now + Patience.usual
        lanes[lane].closeEnd = end
        guard engine.now < end else { return fail(lane, failure) }
        sleep(lane, Self.closePause, .close)
    }

    /// The value is there.
    mutating func committed(_ lane: Int) {
        if lanes[lane].work == .put {
            let object = lanes[lane].object
            if phase.task != .putSmall { putEnd[.put] = max(putEnd[.put] ?? 0, object + 1) }
            if phase.task == .mixed, gettable.count < Self.mostGettable {
                gettable.append(object)
            }
        } else {
            putEnd[.create] = max(putEnd[.create] ?? 0, lanes[lane].object + 1)
        }
        lanes[lane].lease.removeAll()
        done(lane, bytes: lanes[lane].length)
    }
}
