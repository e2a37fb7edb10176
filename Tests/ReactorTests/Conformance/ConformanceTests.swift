import Testing

/// One suite that every `RingBackend` passes. A case that a machine's kernel cannot run says so.
@Suite(.serialized)
struct ConformanceTests {
    static let cases: [any ConformanceCase] = [NopCase(), ByteStreamCase(), WaitAllCase()]

    @Test(arguments: Backend.allCases, cases)
    func everyRing(backend: Backend, conformance: any ConformanceCase) throws {
        try backend.run(conformance)
    }
}
