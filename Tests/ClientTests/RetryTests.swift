import Client
import Testing
import Wire

struct RetryTests {
    private let nodes = (1...3).map { NodeID(high: 0, low: UInt64($0)) }

    private func refused(_ status: Status, by node: NodeID = .none) -> StreamFailure {
        .refused(status, ErrorReport(node: node, text: ""))
    }

    // MARK: Reading

    @Test("goes through the replicas nearest first, twice, then gives up")
    func order() {
        var choice = ReplicaChoice(nodes)
        #expect(choice.first() == .ask(0))
        #expect(choice.failed(.timedOut) == .ask(1))
        #expect(choice.failed(.disconnected(0)) == .ask(2))
        #expect(choice.failed(refused(.busy)) == .ask(0))
        #expect(choice.failed(.timedOut) == .ask(1))
        #expect(choice.failed(.timedOut) == .ask(2))
        #expect(choice.failed(.timedOut) == .exhausted)
        #expect(choice.faults.count == 6)
    }

    @Test("never asks a bad copy again")
    func corrupt() {
        var choice = ReplicaChoice(nodes)
        _ = choice.first()
        #expect(choice.failed(.corrupt(0)) == .ask(1))
        #expect(choice.failed(refused(.notFound)) == .ask(2))
        #expect(choice.failed(.timedOut) == .ask(2))
        #expect(choice.failed(refused(.corrupt)) == .exhausted)
    }

    @Test("a token error blames nobody and is bounded")
    func tokens() {
        var choice = ReplicaChoice(nodes)
        _ = choice.first()
        _ = choice.failed(.timedOut)
        #expect(choice.failed(refused(.tokenExpired)) == .refetch(1))
        choice.replace([nodes[1], nodes[0], nodes[2]])
        #expect(choice.again() == .ask(0))
        #expect(choice.failed(refused(.tokenUnknownKey)) == .refetch(0))
        #expect(choice.again() == .ask(0))
        // One node's clock or copy may be wrong: the others are asked, each once.
        #expect(choice.failed(refused(.tokenExpired)) == .ask(2))
        #expect(choice.failed(refused(.tokenExpired)) == .ask(1))
        #expect(choice.failed(refused(.tokenExpired)) == .exhausted)
        #expect(choice.faults.map(\.node) == [nodes[0], nodes[1], nodes[2], nodes[0]])
    }

    @Test("no replica is an end, not a trap")
    func none() {
        var choice = ReplicaChoice([])
        #expect(choice.first() == .exhausted)
    }

    // MARK: Writing

    @Test("a broken connection is tried once more, then the block goes elsewhere without the head")
    func move() {
        var retry = WriteRetry()
        #expect(retry.failed(.disconnected(0), head: nodes[0], canMove: true) == .resume)
        #expect(retry.failed(.timedOut, head: nodes[0], canMove: true) == .newBlock)
        #expect(retry.excluded == [nodes[0]])
        let blamed = refused(.nextHopFailed, by: nodes[1])
        #expect(retry.failed(blamed, head: nodes[2], canMove: true) == .newBlock)
        #expect(retry.excluded == [nodes[0], nodes[1]])
        #expect(retry.failed(blamed, head: nodes[2], canMove: true) == .giveUp)
    }

    @Test("what cannot be had again is sent to the same chain, three times without progress")
    func pipe() {
        var retry = WriteRetry()
        for _ in 0..<2 {
            for _ in 0..<WriteRetry.resumes {
                #expect(retry.failed(.timedOut, head: nodes[0], canMove: false) == .resume)
            }
            retry.progressed()
        }
        for _ in 0..<WriteRetry.resumes {
            #expect(retry.failed(.unreachable(111), head: nodes[0], canMove: false) == .resume)
        }
        #expect(retry.failed(.timedOut, head: nodes[0], canMove: false) == .giveUp)
        #expect(retry.excluded.isEmpty)
    }

    @Test("a fenced node is waited for when the bytes cannot be had again, and left when they can")
    func fenced() {
        var retry = WriteRetry()
        for _ in 0..<WriteRetry.fencedResumes {
            #expect(retry.failed(refused(.fenced), head: nodes[0], canMove: false) == .resume)
            #expect(retry.pause == PlanRetry.pause)
        }
        for _ in 0..<WriteRetry.resumes {
            #expect(retry.failed(refused(.fenced), head: nodes[0], canMove: false) == .resume)
        }
        #expect(retry.failed(refused(.fenced), head: nodes[0], canMove: false) == .giveUp)
        var other = WriteRetry()
        #expect(other.failed(refused(.fenced), head: nodes[0], canMove: false) == .resume)
        other.progressed()
        #expect(other.pause < PlanRetry.pause)
        #expect(other.failed(refused(.fenced), head: nodes[0], canMove: true) == .newBlock)
    }

    @Test("the source's own failures and a block that others wrote are final")
    func final() {
        var retry = WriteRetry()
        #expect(retry.failed(.source(5), head: nodes[0], canMove: true) == .giveUp)
        #expect(retry.failed(.sourceEnded(5), head: nodes[0], canMove: true) == .giveUp)
        #expect(retry.failed(refused(.conflict), head: nodes[0], canMove: false) == .giveUp)
        // Its chain has given the block up, and would say only that.
        #expect(retry.failed(refused(.noSpace), head: nodes[0], canMove: false) == .giveUp)
        #expect(retry.failed(refused(.deviceFailed), head: nodes[0], canMove: false) == .giveUp)
        #expect(retry.failed(refused(.tokenExpired), head: nodes[0], canMove: true) == .newBlock)
        #expect(retry.excluded.isEmpty)
    }

    @Test("a node that is another one, or proves nothing, is left out")
    func stranger() {
        var retry = WriteRetry()
        #expect(retry.failed(.unproven, head: nodes[0], canMove: true) == .newBlock)
        #expect(
            retry.failed(refused(.tokenWrongNode), head: nodes[1], canMove: true) == .newBlock)
        #expect(retry.excluded == [nodes[0], nodes[1]])
        // It says that the token is bad, whatever the token is.
        var other = WriteRetry()
        #expect(other.failed(refused(.tokenExpired), head: nodes[0], canMove: true) == .newBlock)
        #expect(other.failed(refused(.tokenExpired), head: nodes[0], canMove: true) == .newBlock)
        #expect(other.excluded == [nodes[0]])
        var choice = ReplicaChoice(nodes)
        #expect(choice.first() == .ask(0))
        #expect(choice.failed(.unproven) == .ask(1))
        #expect(choice.failed(refused(.tokenWrongNode)) == .ask(2))
        #expect(choice.failed(.otherBlock) == .exhausted)
    }

    // MARK: Planning

    @Test("a first block is not waited for, a later one a bounded time")
    func waits() {
        var planning = PlanRetry()
        #expect(planning.waits(after: .tooFewNodes) == false)
        planning.planned()
        for _ in 0..<PlanRetry.waits { #expect(planning.waits(after: .tooFewNodes) == true) }
        #expect(planning.waits(after: .busy) == false)
        planning.planned()
        #expect(planning.waits(after: .busy) == true)
    }

    @Test("nodes that failed are left out until there is no chain without them")
    func leftOut() {
        var planning = PlanRetry()
        planning.planned()
        #expect(planning.waits(after: .noSpace) == false)
        planning.failed([nodes[0]])
        planning.failed([nodes[1], nodes[0]])
        #expect(planning.excluded == [nodes[0], nodes[1]])
        #expect(planning.waits(after: .leaseExpired) == false)
        #expect(planning.excluded == [nodes[0], nodes[1]])
        #expect(planning.waits(after: .noSpace) == true)
        #expect(planning.excluded.isEmpty)
        #expect(planning.waits(after: .noSpace) == false)
    }

    @Test("the nodes that are left out are bounded; the last ones count")
    func bounded() {
        var planning = PlanRetry()
        let many = (1...40).map { NodeID(high: 1, low: UInt64($0)) }
        planning.failed(many)
        #expect(planning.excluded == Array(many.suffix(PlanRetry.mostExcluded)))
    }
}
