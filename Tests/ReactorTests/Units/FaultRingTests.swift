import Glibc
import Reactor
import Testing

/// What a `FaultRing` does to operations of a kind; the machine's operations are all of kind 1.
@Suite struct FaultRingTests {
    private func machine(
        _ faults: RingFault...
    ) throws -> Machine<FaultRing<SimulatedRing>> {
        let world = SimulatedWorld(seed: 1, faults: SimulationFaults(), selfDriven: true)
        var settings = KernelRing.Settings()
        settings.submissions = 64
        settings.files = 256
        var ring = world.makeRing(node: "one", settings: settings)
        let directory = ring.openDirectory("data")
        return try Machine(ring: FaultRing(ring, faults), directory: directory)
    }

    private func fail(
        _ errno: Int32, first: Int, repeats: Bool = false, kind: UInt8 = 1
    ) -> RingFault {
        RingFault(
            kind: kind, moment: .begin, action: .fail(errno: errno), first: first,
            repeats: repeats)
    }

    /// Opens a file, writes 8 KiB twice and reads them; the results of the three.
    private func results(
        of machine: inout Machine<FaultRing<SimulatedRing>>
    ) throws -> [Int32] {
        let file = try machine.opened("file", O_RDWR | O_CREAT)
        memset(machine.memory(), 7, 8192)
        memset(machine.memory(8192), 0, 8192)
        var found: [Int32] = []
        for _ in 0..<2 {
            found.append(
                try machine.run(
                    .write(file, machine.memory(), count: 8192, offset: 0, registered: true)))
        }
        found.append(
            try machine.run(
                .read(file, machine.memory(8192), count: 8192, offset: 0, registered: true)))
        return found
    }

    @Test func withoutFaultsItIsTheOther() throws {
        var machine = try machine()
        let found = try results(of: &machine)
        #expect(found == [8192, 8192, 8192])
    }

    @Test func theNthFailsAndDoesNotHappen() throws {
        // The open is the first.
        var machine = try machine(fail(EIO, first: 2), fail(ENOSPC, first: 3))
        let found = try results(of: &machine)
        #expect(found == [-EIO, -ENOSPC, 0])
    }

    @Test func allFromTheNthFail() throws {
        var machine = try machine(fail(EINTR, first: 3, repeats: true))
        let found = try results(of: &machine)
        #expect(found == [8192, -EINTR, -EINTR])
    }

    @Test func anotherKindIsLeftAlone() throws {
        var machine = try machine(fail(EIO, first: 1, repeats: true, kind: 2))
        let found = try results(of: &machine)
        #expect(found == [8192, 8192, 8192])
    }

    @Test func halfOfATransferReallyHappens() throws {
        let short = RingFault(kind: 1, moment: .begin, action: .short, first: 2, repeats: true)
        var machine = try machine(short)
        let found = try results(of: &machine)
        #expect(found == [4096, 4096, 4096])
        let memory = machine.memory(8192).assumingMemoryBound(to: UInt8.self)
        #expect(memory[4095] == 7)
        #expect(memory[4096] == 0)
    }
}
