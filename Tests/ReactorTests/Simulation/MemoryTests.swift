import Glibc
import Reactor
import Testing

/// The simulated ring traps where a kernel would quietly mix up memory.
@Suite struct MemoryTests {
    @Test func twoReceivesIntoTheSameMemoryTrap() async {
        await #expect(processExitsWith: .failure) {
            try Backend.runOnSimulation(OverlapCase(), seed: 1)
        }
    }

    @Test func aSendChangedInFlightTraps() async {
        await #expect(processExitsWith: .failure) {
            try Backend.runOnSimulation(ChangedCase(zeroCopy: false), seed: 1)
        }
    }

    @Test func aZeroCopySendChangedBeforeItsNotificationTraps() async {
        await #expect(processExitsWith: .failure) {
            var faults = SimulationFaults()
            faults.lateNotificationRate = 1
            try Backend.runOnSimulation(ChangedCase(zeroCopy: true), seed: 1, faults: faults)
        }
    }

    /// The same programs without their mistake end well, so it is the mistake that traps.
    @Test func theSameWithoutTheMistakeDoesNotTrap() throws {
        var faults = SimulationFaults()
        faults.lateNotificationRate = 1
        try Backend.runOnSimulation(ZeroCopyCase(), seed: 1, faults: faults)
        try Backend.runOnSimulation(TwoReceivesCase(), seed: 1)
    }
}

private struct OverlapCase: ConformanceCase {
    var testDescription: String { "two receives fill the same memory" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (_, server) = try machine.connection()
        machine.start(.receive(server, machine.memory(), count: 4096, waitAll: true))
        machine.start(.receive(server, machine.memory(4000), count: 4096, waitAll: true))
        machine.turn()
    }
}

private struct ChangedCase: ConformanceCase {
    let zeroCopy: Bool
    var testDescription: String { "memory changes while it is sent" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, _) = try machine.connection()
        let memory = machine.memory()
        // More than the socket holds, so that the send is not over at once.
        let count = zeroCopy ? 4096 : 512 << 10
        let sending = machine.start(
            zeroCopy
                ? .sendZeroCopy(client, memory, count: count)
                : .send(client, memory, count: count, more: false))
        machine.turn()
        if zeroCopy { _ = try machine.wait(for: sending) }
        memory.storeBytes(of: 0xff, as: UInt8.self)
        if zeroCopy {
            try machine.waitForNotification(of: sending)
        } else {
            machine.cancel(sending)
            _ = try machine.wait(for: sending)
        }
    }
}
