import Glibc
import Reactor
import Testing

/// The simulated ring traps where a kernel would quietly mix up memory.
@Suite struct MemoryTests {
    @Test func twoReceivesIntoTheSameMemoryTrap() async {
        await #expect(processExitsWith: .failure) {
            try Backend.runOnSimulation(OverlapCase(distance: 4000), seed: 1)
        }
    }

    @Test func twoReceivesOnOneSocketTrap() async {
        await #expect(processExitsWith: .failure) {
            try Backend.runOnSimulation(TwoAtOnceCase(receives: true), seed: 1)
        }
    }

    @Test func twoSendsOnOneSocketTrap() async {
        await #expect(processExitsWith: .failure) {
            try Backend.runOnSimulation(TwoAtOnceCase(receives: false), seed: 1)
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
        try Backend.runOnSimulation(OverlapCase(distance: 4096), seed: 1)
    }
}

private struct OverlapCase: ConformanceCase {
    let distance: Int
    var testDescription: String { "two receives fill the same memory" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        machine.start(.receive(client, machine.memory(), count: 4096, waitAll: true))
        machine.start(.receive(server, machine.memory(distance), count: 4096, waitAll: true))
        machine.turn()
        try machine.close(client)
        try machine.close(server)
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
                ? .sendZeroCopy(client, memory, count: count, registered: false)
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

private struct TwoAtOnceCase: ConformanceCase {
    let receives: Bool
    var testDescription: String { "two operations of one direction on one socket" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, _) = try machine.connection()
        let half = Machine<Ring>.regionBytes / 2
        for part in 0..<2 {
            let memory = machine.memory(part * half)
            // More than the connection holds, so that neither send is over at once.
            machine.start(
                receives
                    ? .receive(client, memory, count: half, waitAll: true)
                    : .send(client, memory, count: half, more: false))
        }
        machine.turn()
    }
}
