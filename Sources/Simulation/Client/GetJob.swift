import Client
import Foundation
import Reactor
import System
import Wire

/// A get as `GetSession` makes it, without blocking: OPEN, then block after block, each from
/// replica to replica until its bytes are verified.
final class GetJob: ClientJob {
    enum Stage {
        case begin
        case opening
        case connecting(until: UInt64, Int)
        case reading(Int)
        case refetching
        case pausing(until: UInt64)
        case reopening
        case over
    }

    private unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    private let key: String
    private let isPart: Bool
    private let mustSucceed: Bool
    private var stage = Stage.begin
    /// What the ledger allowed when the get began.
    private var floor = 0

    private var value: ControlOpenReply?
    private var range = 0..<0
    private var blocks: ArraySlice<ValueBlock> = []
    private var block: ValueBlock?
    private var choice = ReplicaChoice([])
    private var patience = Patience()
    private var read: ReadID?
    /// When a second replica is asked, while the first has sent nothing.
    private var hedgeAt = UInt64.max
    private var sum = PieceSum()

    init(
        _ cluster: SimulatedCluster, _ client: SimulatedClient, key: String, isPart: Bool,
        mustSucceed: Bool
    ) {
        self.cluster = cluster
        self.client = client
        self.key = key
        self.isPart = isPart
        self.mustSucceed = mustSucceed
    }

    private var now: UInt64 { client.now }
    private var position: Int { range.lowerBound + Int(sum.length) }

    var isOver: Bool { if case .over = stage { true } else { false } }
    var nextDeadline: UInt64? {
        switch stage {
        case .connecting(let until, _), .pausing(let until): until
        case .reading: canHedge ? hedgeAt : nil
        default: nil
        }
    }

    // MARK: Steps

    func step() -> Bool {
        switch stage {
        case .begin:
            floor = cluster.ledger.floor(key)
            open(at: nil)
            stage = .opening
        case .opening:
            guard let answer = client.caller.takeAnswer() else { return false }
            opened(answer)
        case .connecting(let until, let place):
            guard now >= until else { return false }
            ask(place)
        case .refetching, .reopening:
            guard let answer = client.caller.takeAnswer() else { return false }
            refetched(answer)
        case .pausing(let until):
            guard now >= until else { return false }
            open(at: position)
            stage = .reopening
        case .reading:
            guard canHedge, now >= hedgeAt else { return false }
            hedge()
        case .over: return false
        }
        return true
    }

    private func open(at offset: Int?) {
        var message = ControlOpen()
        message.key = key
        message.offset = UInt64(offset ?? 0)
        client.caller.call(.open(message))
    }

    private func opened(_ answer: SimulatedCaller.Answer) {
        switch answer {
        case .ok(let reply):
            let length = Int(reply.open.length)
            if let value, value.value != reply.open.value { return fail("the key was replaced") }
            if value == nil {
                range = 0..<length
                if isPart, length > 1 {
                    let start = cluster.world.random.below(length)
                    range = start..<start + 1 + cluster.world.random.below(length - start)
                }
            }
            value = reply.open
            blocks = valueBlocks(reply.open)[...]
            nextBlock()
        case .refused(.notFound):
            cluster.note([30, UInt64(client.number)], "\(client.name): get \(key): not found")
            cluster.oracle.readAbsent(key, since: floor)
            stage = .over
        case .refused(let code): fail("OPEN: \(code)")
        case .lost: fail("OPEN: no answer")
        }
    }

    private func valueBlocks(_ reply: ControlOpenReply) -> [ValueBlock] {
        do throws(ClientError) { return try Client.valueBlocks(reply.blocks) } catch {
            preconditionFailure("the namenode's answer makes sense: \(error)")
        }
    }

    private func nextBlock() {
        while let next = blocks.first, next.offset + next.length <= UInt64(position) {
            blocks.removeFirst()
        }
        guard position < range.upperBound else { return finish() }
        guard let next = blocks.popFirst(), next.offset <= UInt64(position) else {
            stage = .over
            return cluster.oracle.wrong("no block of \(key) holds byte \(position)")
        }
        block = next
        choice = ReplicaChoice(next)
        if cluster.plant == .skippedCRC { return readBlindly(next) }
        take(choice.first())
    }

    // MARK: One block

    private func take(_ step: ReplicaChoice.Step) {
        switch step {
        case .exhausted: fail(choice.last?.sentence ?? "no replica is known")
        case .ask(let place):
            stage = .connecting(until: now + choice.pause, place)
        case .refetch:
            open(at: position)
            stage = .refetching
        case .reopen: stage = .pausing(until: now + choice.pause)
        }
    }

    private func ask(_ place: Int) {
        guard let block else { preconditionFailure("a block is asked for") }
        let node = block.replicas[place].node
        guard let address = SocketAddress(host: node.host, port: node.port) else {
            preconditionFailure("a numeric address")
        }
        guard let opening = block.opening(at: place) else {
            preconditionFailure("a block with replicas has a token")
        }
        let isBegun: Bool
        if let read {
            isBegun = client.box.engine.redirect(read, to: address, opening: opening)
        } else {
            let stop = min(UInt64(range.upperBound), block.offset + block.length)
            let start = UInt64(position) - block.offset
            let request = ReadRequest(
                assembly: ReadAssembly(
                    block: block.block, epoch: block.epoch, blockLength: block.length,
                    range: start..<stop - block.offset, checksum: block.checksum),
                opening: opening, address: address)
            read = client.box.engine.read(request)
            isBegun = read != nil
        }
        stage = isBegun ? .reading(place) : .connecting(until: now + 10_000_000, place)
        hedgeAt = now + client.box.engine.settings.hedgePause
    }

    private var canHedge: Bool {
        guard let read, hedgeAt < .max else { return false }
        return client.box.engine.canHedge(read)
    }

    private func hedge() {
        hedgeAt = .max
        guard let read, let block, let place = choice.hedge() else { return }
        let node = block.replicas[place].node
        guard let address = SocketAddress(host: node.host, port: node.port) else {
            preconditionFailure("a numeric address")
        }
        if let opening = block.opening(at: place),
            client.box.engine.hedge(read, to: address, opening: opening)
        {
            return
        }
        _ = choice.narrowed(isRival: true, nil)
    }

    private func refetched(_ answer: SimulatedCaller.Answer) {
        guard case .ok(let reply) = answer, reply.open.value == value?.value,
            let same = valueBlocks(reply.open).first(where: { $0.block == block?.block })
        else { return fail("the key was replaced or cannot be opened again") }
        block = same
        if case .reopening = stage {
            return take(choice.reopen(same, isOver: patience.isOver(at: now)))
        }
        choice.replace(same)
        take(choice.again())
    }

    func take(_ event: StreamEvent) {
        switch event {
        case .payload(let id, let slot, _, let memory):
            if id == read, let base = memory.baseAddress {
                sum.append(
                    CRC32C.of(base, count: memory.count), length: UInt64(memory.count))
            }
            client.box.engine.consumed(id, slot: slot)
        case .readCompleted(let id, _) where id == read:
            read = nil
            nextBlock()
        case .readFailed(let id, let failure) where id == read:
            cluster.note(
                [31, UInt64(client.number)], "\(client.name): read of \(asked): \(failure.sentence)"
            )
            let silence = failure.silence(client.box.engine.settings)
            let isOver = patience.isOver(at: now, after: silence)
            take(choice.failed(failure, isOver: isOver))
        case .readNarrowed(let id, let isRival, let failure) where id == read:
            _ = choice.narrowed(isRival: isRival, failure)
            // Of two that are left out, the third may be asked.
            hedgeAt = now
        case .verified(let id, _) where id == read:
            patience.progressed()
            choice.progressed()
        default: break
        }
    }

    /// The block and the node that are read now, in words.
    private var asked: String {
        guard case .reading(let place) = stage, let block else { return "nothing" }
        let node = cluster.datanode(block.replicas[place].node.node)
        return "block \(block.block) at \(node?.name ?? "nobody")"
    }

    /// The plant: the bytes of the first replica that has the file, as they lie there.
    private func readBlindly(_ block: ValueBlock) {
        for replica in block.replicas {
            guard
                let node = cluster.datanodes.first(where: { $0.identity.node == replica.node.node }
                ),
                let disk = node.disk(of: block.block)
            else { continue }
            let start = position - Int(block.offset)
            let stop = min(range.upperBound - Int(block.offset), Int(block.length))
            let bytes = disk.bytes(
                of: "\(block.block).blk", from: 8192 + start, count: stop - start)
            guard bytes.count == stop - start else { continue }
            sum.append(CRC32C.of(bytes), length: UInt64(bytes.count))
            return nextBlock()
        }
        fail("no replica has the block's file")
    }

    // MARK: The end

    private func finish() {
        stage = .over
        cluster.note(
            [32, UInt64(client.number), UInt64(sum.checksum)],
            "\(client.name): get \(key) \(range): read")
        cluster.oracle.read(
            key, length: Int(value?.length ?? 0), range: range, checksum: sum.checksum, since: floor
        )
    }

    private func fail(_ reason: String) {
        if let read { client.box.engine.end(read) }
        read = nil
        stage = .over
        cluster.note([33, UInt64(client.number)], "\(client.name): get \(key) fails: \(reason)")
        // The blocks of a value that was replaced meanwhile are deleted after their grace.
        guard mustSucceed, cluster.ledger.floor(key) == floor else { return }
        cluster.oracle.unreadable(key, reason)
    }
}
