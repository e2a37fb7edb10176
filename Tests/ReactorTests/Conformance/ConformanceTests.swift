import Reactor
import Testing

/// One suite that every `RingBackend` passes. A case that a machine's kernel cannot run says so.
@Suite(.serialized)
struct ConformanceTests {
    static let cases: [any ConformanceCase] = [
        NopCase(), AnswerCase(), ByteStreamCase(), WaitAllCase(), RefusedCase(), UnconnectedCase(),
        PeerAddressCase(), PlainAcceptCase(), DisconnectCase(), ResetCase(), ShutdownCase(),
        ShutdownSendingCase(),
        CancelCase(), CancelAcceptCase(),
        CloseWhileReceivingCase(), FixedTableCase(), FullTableCase(), BigTransferCase(),
        BigTransferCase(zeroCopy: true), ZeroCopyCase(), ManyOperationsCase(), StaleTokenCase(),
        FileCase(), FileErrorsCase(), NamesCase(), DirectorySyncCase(),
        AllocateCase(), DirectCase(), UnregisteredCase(),
    ]

    @Test(arguments: Backend.allCases, cases)
    func everyRing(backend: Backend, conformance: any ConformanceCase) throws {
        try backend.run(conformance)
    }

    /// Late and reordered completions, full queues and late notifications change no result.
    @Test(arguments: cases, UInt64(1)...10)
    func lateAndReordered(conformance: any ConformanceCase, seed: UInt64) throws {
        var faults = SimulationFaults()
        faults.delayRate = 0.3
        faults.reorderRate = 0.3
        faults.lateNotificationRate = 0.5
        faults.queueFullRate = 0.3
        try Backend.runOnSimulation(conformance, seed: seed, faults: faults)
    }
}
