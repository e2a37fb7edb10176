import Testing

@testable import DataPath

struct BudgetTests {
    @Test func theDefaultsHold() throws { try Budget().check() }

    @Test func aRelationThatDoesNotHoldIsNamed() {
        var small = Budget()
        small.payloadBuffers = 5
        #expect(throws: BudgetFailure.self) { try small.check() }
        var huge = Budget()
        huge.payloadBuffers = 4096
        #expect(throws: BudgetFailure.self) { try huge.check() }
        var narrow = Budget()
        narrow.framesPerStream = narrow.heldFramesPerStream
        #expect(throws: BudgetFailure.self) { try narrow.check() }
    }

    /// One after the other takes all it may, and keeps it.
    private func hoard(_ hoarders: Int, _ budget: Budget) -> (taken: [Int], left: Int) {
        var free = budget.payloadBuffers
        var taken: [Int] = []
        for _ in 0..<hoarders {
            var held = 0
            while held < budget.framesPerStream, free > 0,
                Budget.mayTake(held: held, free: free)
            {
                held += 1
                free -= 1
            }
            taken.append(held)
        }
        return (taken, free)
    }

    @Test func oneAloneIsBoundedByItsWindow() {
        let budget = Budget()
        #expect(hoard(1, budget).taken == [budget.framesPerStream])
    }

    @Test func whoComesLaterFindsSomething() {
        let (taken, left) = hoard(16, Budget())
        #expect(left > 0)
        #expect(taken.allSatisfy { $0 > 0 })
        #expect(taken == taken.sorted(by: >))
    }
}
