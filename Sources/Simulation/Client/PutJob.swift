import Client
import Foundation
import Reactor
import Wire

/// A put as `PutSession` makes it, without blocking: CREATE, then block after block, each in one
/// stream with `WriteRetry`'s second chances, then CLOSE; ABANDON when it cannot be done.
final class PutJob: ClientJob {
    enum Stage {
        case begin
        case creating
        case planning
        case connecting(until: UInt64, Connect)
        case writing
        case pausing(until: UInt64, AfterPause)
        case closing
        case abandoning(isKnown: Bool)
        case over
    }

    enum Connect { case write, resume, move }
    enum AfterPause { case resume, plan }

    unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    let key: String
    let value: SimulatedValue
    private let overwrite: Bool
    private let mustSucceed: Bool
    private var stage = Stage.begin
    private var candidate = 0

    private var lease = Data()
    private var leaseTime: UInt64 = 0
    private var renewAt: UInt64 = .max
    private var isRenewing = false
    /// A call that waits until the renewal is answered.
    private var deferred: ControlRequest.OneOf_Operation?
    private var isDeferredPatient = true

    private var retry = WriteRetry()
    private var planning = PlanRetry()
    private var patience = Patience()
    private var plan: BlockPlan?
    private var write: WriteID?
    private var writeBegan: UInt64 = 0
    private var position = 0
    private var receipts: [SignedReceipt] = []
    private var blocks: [WrittenBlock] = []

    init(
        _ cluster: SimulatedCluster, _ client: SimulatedClient, key: String,
        mustSucceed: Bool = false
    ) {
        self.cluster = cluster
        self.client = client
        self.key = key
        self.mustSucceed = mustSucceed
        overwrite = mustSucceed || cluster.world.random.below(4) > 0
        let level: CloseDurability =
            mustSucceed
            ? .durable : cluster.world.random.pick([.durable, .durable, .written, .none])
        value = SimulatedValue(
            seed: cluster.world.random.next(),
            length: cluster.world.random.pick(cluster.plan.lengths),
            durability: level)
    }

    private var now: UInt64 { client.now }
    private var caller: SimulatedCaller { client.caller }

    var isOver: Bool { if case .over = stage { true } else { false } }

    /// Only what `step` acts on: a time that passes and changes nothing would let the clock creep.
    var nextDeadline: UInt64? {
        guard !isRenewing else { return nil }
        switch stage {
        case .connecting(let until, _), .pausing(let until, _): return min(until, renewAt)
        case .writing: return renewAt
        case .begin, .creating, .planning, .closing, .abandoning, .over: return nil
        }
    }

    // MARK: Steps

    func step() -> Bool {
        if isRenewing {
            guard let answer = caller.takeAnswer() else { return false }
            isRenewing = false
            renewed(answer)
            if let next = deferred, !isOver {
                caller.call(next, waitsForRefusals: isDeferredPatient)
            }
            deferred = nil
            return true
        }
        switch stage {
        case .begin: begin()
        case .creating:
            guard let answer = caller.takeAnswer() else { return false }
            created(answer)
        case .planning:
            guard let answer = caller.takeAnswer() else { return false }
            planned(answer)
        case .connecting(let until, let what):
            guard now >= until else { return renewIfDue() }
            connect(what)
        case .writing: return renewIfDue()
        case .pausing(let until, let what):
            guard now >= until else { return renewIfDue() }
            paused(what)
        case .closing:
            guard let answer = caller.takeAnswer() else { return false }
            closed(answer)
        case .abandoning(let isKnown):
            guard let answer = caller.takeAnswer() else { return false }
            abandoned(answer, isKnown: isKnown)
        case .over: return false
        }
        return true
    }

    private func begin() {
        candidate = cluster.ledger.begin(key, value)
        var message = ControlCreate()
        message.key = key
        message.overwrite = overwrite
        caller.call(.create(message))
        stage = .creating
    }

    private func created(_ answer: SimulatedCaller.Answer) {
        switch answer {
        case .ok(let reply):
            lease = reply.create.leaseID
            leaseTime = reply.create.durationMs
            keepLease(third: 1)
            next()
        case .refused(let code):
            failed("CREATE: \(code)")
            if code == .exists { cluster.oracle.sawSome(key) }
        case .lost: failed("CREATE: no answer")
        }
    }

    private func keepLease(third: UInt64) { renewAt = now + leaseTime * 1_000_000 / 3 / third }

    private func renewIfDue() -> Bool {
        guard now >= renewAt, caller.isIdle else { return false }
        var message = ControlRenew()
        message.leaseID = lease
        caller.call(.renew(message), waitsForRefusals: false)
        isRenewing = true
        return true
    }

    /// One call at a time.
    private func call(
        _ operation: ControlRequest.OneOf_Operation, waitsForRefusals: Bool = true
    ) {
        guard isRenewing else {
            return caller.call(operation, waitsForRefusals: waitsForRefusals)
        }
        deferred = operation
        isDeferredPatient = waitsForRefusals
    }

    private func renewed(_ answer: SimulatedCaller.Answer) {
        switch answer {
        case .ok: keepLease(third: 1)
        case .refused(.busy), .lost: keepLease(third: 3)
        case .refused(let code):
            endWrite()
            failed("RENEW: \(code)")
        }
    }

    // MARK: A block

    /// The next block, or the end.
    private func next() {
        guard position < value.length else { return close() }
        retry = WriteRetry()
        planBlock()
    }

    private func planBlock() {
        var message = ControlAddBlock()
        message.leaseID = lease
        message.sizeHint = UInt64(value.length - position)
        message.exclude = planning.excluded.map { Data($0.bytes) }
        call(.addBlock(message), waitsForRefusals: false)
        stage = .planning
    }

    private func planned(_ answer: SimulatedCaller.Answer) {
        switch answer {
        case .ok(let reply):
            do throws(ClientError) { plan = try Client.plan(reply.addBlock) } catch {
                preconditionFailure("the namenode's plan makes sense: \(error)")
            }
            planning.planned()
            stage = .connecting(until: now, write == nil ? .write : .move)
        case .refused(let code): notPlanned(code, "\(code)")
        case .lost: notPlanned(.busy, "no answer")
        }
    }

    private func notPlanned(_ code: ControlCode, _ word: String) {
        let isOver = patience.isOver(at: now)
        guard let pause = planning.pause(after: code, isOver: isOver) else {
            return abandon("ADDBLOCK: \(word)")
        }
        stage = .pausing(until: now + pause, .plan)
    }

    private func paused(_ what: AfterPause) {
        switch what {
        case .resume: stage = .connecting(until: now, .resume)
        case .plan: planBlock()
        }
    }

    private func connect(_ what: Connect) {
        guard let plan else { preconditionFailure("a plan comes before its stream") }
        let head = plan.credentials.chain.nodes[0]
        guard let address = SocketAddress(host: head.host, port: head.port) else {
            preconditionFailure("a numeric address")
        }
        writeBegan = now
        let isBegun: Bool
        switch (what, write) {
        case (.resume, let write?): isBegun = client.box.engine.resume(write)
        case (.move, let write?) where client.box.engine.canMove(write):
            isBegun = client.box.engine.move(
                write, block: plan.block, epoch: plan.epoch,
                opening: plan.opening, address: address)
        default:
            endWrite()
            write = client.box.engine.write(request(plan, address))
            isBegun = write != nil
        }
        stage = isBegun ? .writing : .connecting(until: now + 10_000_000, what)
    }

    private func request(_ plan: BlockPlan, _ address: SocketAddress) -> WriteRequest {
        let rest = UInt64(value.length - position)
        var request = WriteRequest(
            block: plan.block, epoch: plan.epoch, opening: plan.opening,
            address: address, maxBytes: min(plan.maxLength, rest))
        request.length = min(plan.maxLength, rest)
        // The plant: it asks for less than its CLOSE will say.
        let asks = value.durability == .durable && cluster.plant != .closeBeforeDurable
        request.level = asks ? .durable : .written
        return request
    }

    private func endWrite() {
        if let write { client.box.engine.end(write) }
        write = nil
    }

    // MARK: The stream

    func take(_ event: StreamEvent) {
        switch event {
        case .wantsPayload(let id, let slot, let offset, let memory):
            value.fill(memory, from: position + Int(offset))
            client.box.engine.provide(id, slot: slot, count: memory.count)
        case .progress(let id, let acked) where id == write:
            if retry.progressed(acked) { patience.progressed() }
            guard let plan else { return }
            cluster.oracle.acked(
                acked, plan, of: value, at: position, since: writeBegan, client: client.name)
        case .sealed(let id, let seal) where id == write: sealed(seal)
        case .writeFailed(let id, let failure) where id == write: streamFailed(failure)
        default: break
        }
    }

    private func sealed(_ seal: BlockSeal) {
        guard let plan else { preconditionFailure("a plan comes before its stream") }
        write = nil
        let receipt = seal.receipt.receipt
        let block = WrittenBlock(
            block: plan.block, epoch: plan.epoch, length: Int(receipt.length), position: position,
            checksum: receipt.checksum, chain: plan.credentials.chain.nodes.map(\.node))
        cluster.oracle.sealed(block, of: value, level: receipt.level, client: client.name)
        blocks.append(block)
        receipts.append(
            cluster.plant == .closeBeforeDurable ? cluster.overstated(seal.receipt) : seal.receipt)
        position += Int(receipt.length)
        next()
    }

    private func streamFailed(_ failure: StreamFailure) {
        guard let plan, let write else { return }
        let head = plan.credentials.chain.nodes[0].node
        cluster.note([20, UInt64(client.number)], "\(client.name): stream: \(failure.sentence)")
        // The bytes can be made again, so a block can always move.
        let isOver = patience.isOver(
            at: now, after: failure.silence(client.box.engine.settings.progressTimeout))
        switch retry.failed(failure, head: head, canMove: true, isOver: isOver) {
        case .resume:
            stage = .pausing(until: now + retry.pause, .resume)
        case .newBlock(let node):
            if let node { planning.failed(node) }
            if !client.box.engine.canMove(write) { endWrite() }
            stage = .pausing(until: now + retry.pause, .plan)
        case .giveUp:
            endWrite()
            abandon("stream: \(failure.sentence)")
        }
    }

    // MARK: The end

    private func close() {
        var message = ControlClose()
        message.leaseID = lease
        message.durability =
            switch value.durability {
            case .durable: .durable
            case .written: .written
            case .none: .none
            }
        message.blocks = receipts.map(receiptMessage)
        cluster.ledger.wrote(key, candidate, blocks)
        call(.close(message))
        stage = .closing
    }

    private func closed(_ answer: SimulatedCaller.Answer) {
        switch answer {
        case .ok:
            stage = .over
            cluster.note(
                [21, UInt64(client.number), UInt64(candidate)],
                "\(client.name): put \(key) #\(candidate), \(value.length) bytes, "
                    + "\(value.durability), blocks \(blocks.map(\.block.number))")
            cluster.ledger.acked(key, candidate)
            cluster.oracle.closed(key, value, blocks)
        case .refused(let code):
            if code == .leaseExpired { return failed("CLOSE: \(code)") }
            abandon("CLOSE: \(code)")
        case .lost:
            giveUp("CLOSE: no answer")
            callAbandon(isKnown: false)
        }
    }

    private func abandon(_ reason: String) {
        giveUp(reason)
        callAbandon(isKnown: true)
    }

    private func callAbandon(isKnown: Bool) {
        endWrite()
        renewAt = .max
        var message = ControlAbandon()
        message.leaseID = lease
        call(.abandon(message))
        stage = .abandoning(isKnown: isKnown)
    }

    /// - Parameter isKnown: the value was never asked to be committed, or that was refused.
    private func abandoned(_ answer: SimulatedCaller.Answer, isKnown: Bool) {
        stage = .over
        // The lease was still there, so no CLOSE had been done, and none can be any more.
        if case .ok = answer { return cluster.ledger.failed(key, candidate) }
        if isKnown { cluster.ledger.failed(key, candidate) }
    }

    private func failed(_ reason: String) {
        giveUp(reason)
        cluster.ledger.failed(key, candidate)
        stage = .over
    }

    private func giveUp(_ reason: String) {
        cluster.note(
            [22, UInt64(client.number), UInt64(candidate)],
            "\(client.name): put \(key) #\(candidate) fails: \(reason)")
        if mustSucceed { cluster.oracle.stuck("a put of \(key) fails in calm: \(reason)") }
    }
}
