import Testing

/// One suite that every `RingBackend` passes. A case that a machine's kernel cannot run says so.
@Suite(.serialized)
struct ConformanceTests {
    static let cases: [any ConformanceCase] = [
        NopCase(), ByteStreamCase(), WaitAllCase(), RefusedCase(), UnconnectedCase(),
        PeerAddressCase(), ResetCase(), ShutdownCase(), CancelCase(), CancelAcceptCase(),
        CloseWhileReceivingCase(), FixedTableCase(), FullTableCase(), BigTransferCase(),
        BigTransferCase(zeroCopy: true), ZeroCopyCase(), ManyOperationsCase(), TwoReceivesCase(),
        StaleTokenCase(), FileCase(), FileErrorsCase(), NamesCase(), DirectorySyncCase(),
        AllocateCase(), DirectCase(), UnregisteredCase(),
    ]

    @Test(arguments: Backend.allCases, cases)
    func everyRing(backend: Backend, conformance: any ConformanceCase) throws {
        try backend.run(conformance)
    }
}
