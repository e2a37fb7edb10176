import Client
import Testing
import Wire

struct RetryTests {
    private let nodes = (1...3).map { NodeID(high: 0, low: UInt64($0)) }

    private func refused(_ status: Status, by node: NodeID = .none) -> StreamFailure {
        .refused(status, ErrorReport(node: node, text: ""))
    }

    // MARK: Patience

    @Test("patience counts from the first failure after progress, its silence included")
    func patience() {
        var patience = Client.Patience(20)
        #expect(patience.isOver(at: 1_000, after: 12) == false)
        #expect(patience.isOver(at: 1_007) == false)
        #expect(patience.isOver(at: 1_008) == true)
        patience.progressed()
        #expect(patience.isOver(at: 5_000) == false)
        #expect(patience.isOver(at: 5_019) == false)
        #expect(patience.isOver(at: 5_020) == true)
    }

    // MARK: Reading

    private func asked(
        _ choice: inout ReplicaChoice, _ failure: StreamFailure, isOver: Bool = false
    ) -> ReplicaChoice.Step {
        choice.failed(failure, isOver: isOver)
    }

    @Test("goes through the replicas nearest first, twice, then asks where they are now")
    func order() {
        var choice = ReplicaChoice(nodes)
        #expect(choice.first() == .ask(0))
        #expect(asked(&choice, .timedOut) == .ask(1))
        #expect(asked(&choice, .disconnected(0)) == .ask(2))
        #expect(choice.pause == 0)
        #expect(asked(&choice, refused(.busy)) == .ask(0))
        #expect(choice.pause > 0)
        #expect(asked(&choice, .timedOut) == .ask(1))
        #expect(asked(&choice, .timedOut) == .ask(2))
        #expect(asked(&choice, .timedOut) == .reopen)
        #expect(choice.faults.count == 6)
        let first = choice.pause
        #expect(choice.reopen(block([nodes[2]]), isOver: false) == .ask(0))
        #expect(asked(&choice, .timedOut) == .ask(0))
        #expect(asked(&choice, .timedOut) == .reopen)
        #expect(choice.pause > first)
        #expect(choice.reopen(block([nodes[0]]), isOver: true) == .ask(0))
        #expect(asked(&choice, .timedOut, isOver: true) == .exhausted)
    }

    @Test("at the end of its patience every replica was asked, and none is asked twice")
    func impatient() {
        var choice = ReplicaChoice(nodes)
        #expect(choice.first() == .ask(0))
        #expect(asked(&choice, .timedOut) == .ask(1))
        #expect(asked(&choice, .timedOut, isOver: true) == .ask(2))
        #expect(asked(&choice, .timedOut, isOver: true) == .exhausted)
    }

    @Test("never asks a bad copy again")
    func corrupt() {
        var choice = ReplicaChoice(nodes)
        _ = choice.first()
        #expect(asked(&choice, .corrupt(0)) == .ask(1))
        #expect(asked(&choice, refused(.notFound)) == .ask(2))
        #expect(asked(&choice, .timedOut) == .ask(2))
        #expect(asked(&choice, refused(.corrupt)) == .exhausted)
    }

    @Test("a token error blames nobody and is bounded")
    func tokens() {
        var choice = ReplicaChoice(nodes)
        _ = choice.first()
        _ = asked(&choice, .timedOut)
        #expect(asked(&choice, refused(.tokenExpired)) == .refetch(1))
        choice.replace(block([nodes[1], nodes[0], nodes[2]]))
        #expect(choice.again() == .ask(0))
        #expect(asked(&choice, refused(.tokenUnknownKey)) == .refetch(0))
        #expect(choice.again() == .ask(0))
        // One node's clock or copy may be wrong: the others are asked, each once.
        #expect(asked(&choice, refused(.tokenExpired)) == .ask(2))
        #expect(asked(&choice, refused(.tokenExpired)) == .ask(1))
        #expect(asked(&choice, refused(.tokenExpired)) == .exhausted)
        #expect(choice.faults.map(\.node) == [nodes[0], nodes[1], nodes[2], nodes[0]])
    }

    @Test("a slow replica has one rival at a time, who was not asked before")
    func hedges() {
        var choice = ReplicaChoice(nodes)
        _ = choice.first()
        #expect(choice.hedge() == 1)
        #expect(choice.narrowed(isRival: true, refused(.notFound)) == nodes[1])
        #expect(choice.hedge() == 2)
        // The faster one goes on; the slow one is no fault, and may be asked when it fails.
        #expect(choice.narrowed(isRival: false, nil) == nodes[0])
        #expect(choice.node == nodes[2])
        #expect(choice.hedge() == nil)
        #expect(choice.faults.map(\.node) == [nodes[1]])
        #expect(asked(&choice, .disconnected(0)) == .ask(0))
    }

    @Test("a node that was silent before is asked after those that were not")
    func slowOnes() {
        var choice = ReplicaChoice(nodes, slow: [nodes[0]])
        #expect(choice.first() == .ask(1))
        #expect(asked(&choice, .timedOut) == .ask(2))
        #expect(asked(&choice, .timedOut) == .ask(0))
        #expect(asked(&choice, .timedOut) == .ask(1))
    }

    @Test("no replica is an end; it is waited for while a node has yet to say what it holds")
    func none() {
        var choice = ReplicaChoice([])
        #expect(choice.first() == .exhausted)
        var other = ReplicaChoice(block([], isIncomplete: true))
        #expect(other.first() == .reopen)
        #expect(other.reopen(block([], isIncomplete: true), isOver: false) == .reopen)
        #expect(other.reopen(block([nodes[0]]), isOver: false) == .ask(0))
        var late = ReplicaChoice(block([], isIncomplete: true))
        _ = late.first()
        #expect(late.reopen(block([], isIncomplete: true), isOver: true) == .exhausted)
        var gone = ReplicaChoice(block([], isIncomplete: true))
        _ = gone.first()
        #expect(gone.reopen(block([]), isOver: false) == .exhausted)
    }

    private func block(_ nodes: [NodeID], isIncomplete: Bool = false) -> ValueBlock {
        ValueBlock(
            block: BlockID(1), epoch: Epoch(1), offset: 0, length: 1, checksum: 0,
            replicas: nodes.map {
                Replica(node: ChainNode(node: $0, host: "127.0.0.1", port: 1), location: "")
            }, isIncomplete: isIncomplete, credentials: nil, key: nil)
    }

    // MARK: Writing

    private func failed(
        _ retry: inout WriteRetry, _ failure: StreamFailure, _ head: Int = 0, canMove: Bool,
        isOver: Bool = false
    ) -> WriteRetry.Step {
        retry.failed(failure, head: nodes[head], canMove: canMove, isOver: isOver)
    }

    @Test("a chain whose connections break is tried again, then the block goes elsewhere")
    func move() {
        var retry = WriteRetry()
        let broken = refused(.nextHopFailed, by: nodes[1])
        for failure in [.disconnected(104), broken, refused(.busy)] {
            #expect(failed(&retry, failure, canMove: true) == .resume)
        }
        #expect(failed(&retry, broken, canMove: true) == .newBlock(without: nodes[1]))
        // A new chain has its own chances.
        #expect(failed(&retry, .disconnected(0), 1, canMove: true) == .resume)
        #expect(retry.progressed(Progress(received: 1)) == true)
        #expect(failed(&retry, refused(.busy), canMove: true) == .newBlock(without: nodes[0]))
        let gone = refused(.nextHopUnreachable, by: nodes[1])
        #expect(failed(&retry, gone, 2, canMove: true) == .newBlock(without: nodes[1]))
    }

    @Test("a silent chain is left at once: it would cost the deadline again")
    func silent() {
        var retry = WriteRetry()
        #expect(failed(&retry, .timedOut, canMove: true) == .newBlock(without: nodes[0]))
        #expect(failed(&retry, .timedOut, canMove: false) == .resume)
    }

    @Test("what can be had again goes on until the patience is over, however often it fails")
    func patientFile() {
        var retry = WriteRetry()
        for _ in 0..<100 {
            for _ in 0..<WriteRetry.resumes {
                #expect(failed(&retry, .disconnected(104), canMove: true) == .resume)
            }
            #expect(
                failed(&retry, .disconnected(104), canMove: true) == .newBlock(without: nodes[0]))
        }
        #expect(retry.pause == PlanRetry.longestPause)
        #expect(failed(&retry, .disconnected(104), canMove: true, isOver: true) == .giveUp)
    }

    @Test("bytes that are sent again are no progress, and only so many blocks are left for them")
    func sentAgain() {
        var retry = WriteRetry()
        let received = Progress(received: 10)
        let written = Progress(received: 10, written: 10)
        let gone = refused(.nextHopUnreachable, by: nodes[1])
        #expect(retry.progressed(received) == true)
        #expect(retry.progressed(written) == true)
        for _ in 1..<WriteRetry.leftBlocks {
            #expect(failed(&retry, gone, canMove: true) == .newBlock(without: nodes[1]))
            #expect(retry.progressed(received) == false)
            #expect(retry.progressed(written) == false)
        }
        #expect(retry.progressed(Progress(received: 11, written: 10)) == true)
        #expect(failed(&retry, gone, canMove: true) == .giveUp)
    }

    @Test("what cannot be had again is sent to the same chain as long")
    func pipe() {
        var retry = WriteRetry()
        var pauses: [UInt64] = []
        for _ in 0..<6 {
            #expect(failed(&retry, .unreachable(111), canMove: false) == .resume)
            pauses.append(retry.pause / 1_000_000)
        }
        #expect(pauses == [100, 200, 400, 800, 1_600, 1_600])
        #expect(retry.progressed(Progress(received: 1)) == true)
        #expect(failed(&retry, .timedOut, canMove: false) == .resume)
        #expect(retry.pause == 100_000_000)
        #expect(failed(&retry, .timedOut, canMove: false, isOver: true) == .giveUp)
    }

    @Test("a fenced node is waited for when the bytes cannot be had again, and left when they can")
    func fenced() {
        var retry = WriteRetry()
        for _ in 0..<WriteRetry.fencedResumes {
            // Longer than the patience: its namenode may need as long as the lease lasts.
            #expect(failed(&retry, refused(.fenced), canMove: false, isOver: true) == .resume)
            #expect(retry.pause == PlanRetry.longestPause)
        }
        #expect(failed(&retry, refused(.fenced), canMove: false) == .resume)
        #expect(failed(&retry, refused(.fenced), canMove: false, isOver: true) == .giveUp)
        var other = WriteRetry()
        #expect(failed(&other, refused(.fenced), canMove: false) == .resume)
        #expect(other.progressed(Progress(received: 1)) == true)
        #expect(other.pause < PlanRetry.longestPause)
        #expect(
            failed(&other, refused(.fenced), canMove: true) == .newBlock(without: nodes[0]))
    }

    @Test("the source's own failures and a block that others wrote are final")
    func final() {
        var retry = WriteRetry()
        #expect(failed(&retry, .source(5), canMove: true) == .giveUp)
        #expect(failed(&retry, .sourceEnded(5), canMove: true) == .giveUp)
        #expect(failed(&retry, refused(.conflict), canMove: false) == .giveUp)
        // Its chain has given the block up, and would say only that.
        #expect(failed(&retry, refused(.noSpace), canMove: false) == .giveUp)
        #expect(failed(&retry, refused(.deviceFailed), canMove: false) == .giveUp)
        #expect(failed(&retry, refused(.tokenExpired), canMove: true) == .newBlock(without: nil))
    }

    @Test("a node that is another one, or proves nothing, is left out")
    func stranger() {
        var retry = WriteRetry()
        #expect(failed(&retry, .unproven, canMove: true) == .newBlock(without: nodes[0]))
        let wrongNode = refused(.tokenWrongNode)
        #expect(failed(&retry, wrongNode, 1, canMove: true) == .newBlock(without: nodes[1]))
        // It says that the token is bad, whatever the token is.
        var other = WriteRetry()
        let badToken = refused(.tokenExpired)
        #expect(failed(&other, badToken, canMove: true) == .newBlock(without: nil))
        #expect(failed(&other, badToken, canMove: true) == .newBlock(without: nodes[0]))
        var choice = ReplicaChoice(nodes)
        #expect(choice.first() == .ask(0))
        #expect(asked(&choice, .unproven) == .ask(1))
        #expect(asked(&choice, wrongNode) == .ask(2))
        #expect(asked(&choice, .otherBlock) == .exhausted)
    }

    // MARK: Planning

    @Test("a chain is waited for as long as the patience lasts")
    func waits() {
        var planning = PlanRetry()
        let pauses = (0..<6).map { _ in planning.pause(after: .tooFewNodes, isOver: false) ?? 0 }
        #expect(pauses.map { $0 / 1_000_000 } == [100, 200, 400, 800, 1_600, 1_600])
        planning.planned()
        #expect(planning.pause(after: .busy, isOver: false) == 100_000_000)
        #expect(planning.pause(after: .busy, isOver: true) == nil)
        #expect(planning.pause(after: .tooFewNodes, isOver: true) == nil)
    }

    @Test("nodes that failed are left out until there is no chain without them")
    func leftOut() {
        var planning = PlanRetry()
        planning.planned()
        #expect(planning.pause(after: .noSpace, isOver: false) == nil)
        planning.failed(nodes[0])
        planning.failed(nodes[1])
        planning.failed(nodes[0])
        #expect(planning.excluded == [nodes[1], nodes[0]])
        #expect(planning.pause(after: .leaseExpired, isOver: false) == nil)
        #expect(planning.excluded == [nodes[1], nodes[0]])
        // At once: the others are all there is.
        #expect(planning.pause(after: .noSpace, isOver: false) == 0)
        #expect(planning.excluded.isEmpty)
        #expect(planning.pause(after: .noSpace, isOver: false) == nil)
    }

    @Test("the nodes that are left out are bounded; the last ones count")
    func bounded() {
        var planning = PlanRetry()
        let many = (1...40).map { NodeID(high: 1, low: UInt64($0)) }
        for node in many { planning.failed(node) }
        #expect(planning.excluded == Array(many.suffix(PlanRetry.mostExcluded)))
    }
}
