import Client
import FoundationEssentials
import Wire

// One stream to one block, `depth` frames in flight, the next block when it is full. What it wrote
// is given up at the end.
extension Worker {
    mutating func runPings() {
        now = engine.now
        do throws(LoadFailure) {
            try pingBlocks()
        } catch {
            tally.fail(error, at: engine.now)
        }
    }

    private mutating func pingBlocks() throws(LoadFailure) {
        var place = 0
        ping = PingState()
        if chain == nil {
            var message = ControlCreate()
            message.key = "catena-load/\(plan.seed)/ping"
            message.overwrite = true
            let lease = try callAndWait(.create(message)).create
            ping.lease = lease.leaseID
            ping.renewPause = min(lease.durationMs, 1 << 32) * 1_000_000 / 3
            ping.renewAt = engine.now + ping.renewPause
        }
        defer { ping.renewAt = .max }
        var isOver = false
        while !isOver {
            let block = try pingPlan(ping.lease, place)
            isOver = try pingBlock(block)
            place += 1
        }
        guard chain == nil else { return }
        var message = ControlAbandon()
        message.leaseID = ping.lease
        _ = try callAndWait(.abandon(message))
    }

    private mutating func pingPlan(
        _ lease: Data, _ place: Int
    ) throws(LoadFailure) -> BlockPlan {
        if let chain { return chain.plan(PingState.object - objectBase, place: place) }
        var message = ControlAddBlock()
        message.leaseID = lease
        message.replicas = UInt32(plan.replicas)
        message.location = plan.location
        let reply = try callAndWait(.addBlock(message))
        do throws(ClientError) { return try Client.plan(reply.addBlock) } catch {
            throw LoadFailure(error)
        }
    }

    /// - Returns: whether there are no more pings to send.
    private mutating func pingBlock(_ plan: BlockPlan) throws(LoadFailure) -> Bool {
        let head = plan.credentials.chain.nodes[0]
        guard let address = address(of: head) else {
            throw LoadFailure(.unavailable, "datanode \(head.host) has no address")
        }
        let bytes = min(plan.maxLength, self.plan.block ?? .max)
        var request = WriteRequest(
            block: plan.block, epoch: plan.epoch, opening: plan.opening,
            address: address, maxBytes: bytes)
        request.sealLevel = self.plan.durability.level
        request.releaseLevel = self.plan.durability.level
        // Each ping waits for a flush of its own.
        if request.sealLevel == .durable { request.flushEvery = 1 }
        guard let write = engine.write(request) else {
            throw LoadFailure(.retryLater, "no connection is left for the next block")
        }
        ping.write = write
        ping.grant = nil
        var isOver = false
        while true {
            while let event = engine.nextEvent() { handle(event) }
            guard ping.write != nil else { break }
            if let failure = ping.failure {
                engine.end(write)
                throw LoadFailure(failure, node: head, block: plan.block)
            }
            if isOver, ping.flights.isEmpty, let grant = ping.grant {
                ping.grant = nil
                endBlock(write, grant)
                continue
            }
            now = engine.now
            let wake = isOver ? UInt64.max : sendPings(write, &isOver)
            live.store(tally, moved: tally.bytes)
            sweep()
            // The last ping may have been answered before it was known to be the last.
            if isOver, ping.flights.isEmpty, ping.grant != nil { continue }
            engine.turn(waitUntil: min(wake, now + 1_000_000_000))
        }
        ping.base += bytes
        return isOver
    }

    /// A block needs a byte: one that has none is left to the lease's end.
    private mutating func endBlock(_ write: WriteID, _ grant: PingState.Grant) {
        if grant.offset > 0 {
            engine.decline(write, buffer: grant.buffer)
        } else {
            engine.end(write)
            ping.write = nil
        }
    }

    /// Sends what is due and fits `depth`.
    /// - Returns: when to look again.
    private mutating func sendPings(_ write: WriteID, _ isOver: inout Bool) -> UInt64 {
        guard !live.isCancelled else {
            isOver = true
            return .max
        }
        while ping.flights.count < plan.depth, let grant = ping.grant {
            switch schedule.next(now: now) {
            case .finished:
                isOver = true
                return .max
            case .wait(let time): return time
            case .start(_, let intended):
                ping.grant = nil
                ping.flights.append(
                    PingState.Flight(
                        end: grant.offset + UInt64(grant.count), bytes: UInt64(grant.count),
                        intended: intended))
                engine.provide(write, buffer: grant.buffer, count: grant.count)
            }
        }
        return .max
    }

    mutating func pinged(_ acked: Progress) {
        let end = acked[plan.durability.level]
        while let first = ping.flights.first, first.end <= end {
            tally.done(bytes: first.bytes, intended: first.intended, at: engine.now)
            ping.flights.removeFirst()
        }
    }
}
