import Testing

@testable import Transport

struct ZeroCopyTests {
    @Test func whatTheKernelReportsOfTheFirstOneDecides() {
        for copied in [true, false] {
            var decision = ZeroCopy(isAllowed: true)
            let small = decision.takes(bytes: ZeroCopy.leastBytes - 1)
            let first = decision.takes(bytes: 1 << 19)
            let second = decision.takes(bytes: 1 << 19)
            #expect(!small && first && !second, "one tries, the others wait for its report")
            decision.heard(copied: copied)
            let after = decision.takes(bytes: 1 << 19)
            #expect(after == !copied)
        }
    }

    @Test func aPathThatBeginsToCopyIsLeft() {
        var decision = ZeroCopy(isAllowed: true)
        _ = decision.takes(bytes: 1 << 19)
        decision.heard(copied: false)
        decision.heard(copied: true)
        let after = decision.takes(bytes: 1 << 19)
        #expect(!after)
    }

    @Test func whereItIsNotAllowedItIsNeverTaken() {
        var decision = ZeroCopy(isAllowed: false)
        let taken = decision.takes(bytes: 1 << 19)
        #expect(!taken)
    }
}
