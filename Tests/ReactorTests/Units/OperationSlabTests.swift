import Reactor
import System
import Testing

@Suite struct OperationSlabTests {
    static var context: OperationContext {
        OperationContext(kind: 7, owner: 42, buffer: BufferIndex(3), argument: 99)
    }

    @Test func tokenKeepsItsThreeParts() {
        let token = OperationToken(kind: 0xab, generation: 0xff_1234, slot: 0xdead_beef)
        #expect(token.kind == 0xab)
        #expect(token.generation == 0xff_1234)
        #expect(token.slot == 0xdead_beef)
        #expect(token.bits == 0xabff_1234_dead_beef)
        #expect(OperationToken(bits: token.bits) == token)
        // A generation is 24 bits; more must not spill into the kind.
        #expect(OperationToken(kind: 1, generation: 0x1ff_ffff, slot: 0).kind == 1)
    }

    @Test func anOperationIsFoundUntilItEnds() throws {
        var slab = OperationSlab(capacity: 2)
        let token = slab.begin(Self.context, length: 11)
        let operation = slab.find(token)
        let found = try #require(operation)
        #expect(found.kind == 7 && found.owner == 42 && found.buffer == BufferIndex(3))
        #expect(found.argument == 99 && found.length == 11)
        #expect(slab.active == 1)
        slab.end(token)
        #expect(slab.find(token) == nil)
        #expect(slab.active == 0)
        let next = slab.begin(Self.context, length: 0)
        #expect(next.slot == token.slot && next.generation != token.generation)
        #expect(slab.find(token) == nil)
        #expect(slab.find(.nobody) == nil)
    }

    @Test func scratchOfTwoOperationsDoesNotOverlap() {
        var slab = OperationSlab(capacity: 3)
        let one = slab.begin(Self.context, length: 0)
        let two = slab.begin(Self.context, length: 0)
        let distance = abs(slab.scratch(of: one) - slab.scratch(of: two))
        #expect(distance >= OperationSlab.scratchBytes)
        #expect(OperationSlab.scratchBytes >= MemoryLayout<SocketAddress>.size)
    }

    @Test func aGenerationNeverBecomesZero() {
        var slab = OperationSlab(capacity: 1)
        var seen: OperationToken?
        for _ in 0..<1000 {
            let token = slab.begin(Self.context, length: 0)
            #expect(token.generation != 0 && token != seen)
            seen = token
            slab.end(token)
        }
    }

    @Test func oneMoreThanTheBudgetTraps() async {
        await #expect(processExitsWith: .failure) {
            var slab = OperationSlab(capacity: 1)
            _ = slab.begin(OperationContext(kind: 1, owner: 0), length: 0)
            _ = slab.begin(OperationContext(kind: 1, owner: 0), length: 0)
        }
    }

    @Test func endingTwiceTraps() async {
        await #expect(processExitsWith: .failure) {
            var slab = OperationSlab(capacity: 2)
            let token = slab.begin(OperationContext(kind: 1, owner: 0), length: 0)
            slab.end(token)
            slab.end(token)
        }
    }
}
