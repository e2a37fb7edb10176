import Testing

@testable import DataPath

@Suite struct ReactorPlacementTests {
    @Test(arguments: [
        ("0", [0]), ("0-3", [0, 1, 2, 3]), ("8,2-3", [8, 2, 3]), ("1023", [1023]),
    ])
    func listsOfCPUs(text: String, cpus: [Int]) {
        #expect(CPUList.parse(text) == cpus)
    }

    @Test(arguments: [
        "", ",", "1,", "-", "1-", "-1", "3-1", "0-1-2", "1,1", "0-2,2", "x", "0x1", " 1", "1024",
        "99999999999999999999",
    ])
    func whatIsNoList(text: String) {
        #expect(CPUList.parse(text) == nil)
    }

    @Test(arguments: [([0, 1, 2, 5], "0-2,5"), ([7], "7"), ([3, 1, 2], "3,1-2"), ([], "")])
    func listsAreWrittenAsTheKernelDoes(cpus: [Int], text: String) {
        #expect(CPUList.format(cpus) == text)
    }

    private static let two = ReactorPlacement.Host(
        allowed: Array(0..<8), nodes: [0: [0, 1, 2, 3], 1: [4, 5, 6, 7]], nearest: 1)

    private func settings(
        _ reactors: Int, pin: [Int] = [], numa: HostSettings.NUMA = .anywhere
    ) -> HostSettings {
        var settings = HostSettings()
        settings.reactors = reactors
        settings.pin = pin
        settings.numa = numa
        return settings
    }

    @Test func withoutSettingsReactorsRunAnywhere() throws {
        let placement = try ReactorPlacement(settings(2), on: Self.two)
        #expect(placement.cpus == [[], []])
        #expect(placement.node == nil)
    }

    @Test func eachPinnedReactorHasItsCPU() throws {
        let placement = try ReactorPlacement(settings(2, pin: [6, 2]), on: Self.two)
        #expect(placement.cpus == [[6], [2]])
    }

    @Test func aNodeGivesItsCPUsToAll() throws {
        let placement = try ReactorPlacement(settings(2, numa: .node(0)), on: Self.two)
        #expect(placement.cpus == [[0, 1, 2, 3], [0, 1, 2, 3]])
    }

    @Test func autoTakesTheNearestNode() throws {
        let placement = try ReactorPlacement(settings(1, numa: .auto), on: Self.two)
        #expect(placement.cpus == [[4, 5, 6, 7]])
        #expect(placement.node == 1)
    }

    @Test func autoWithoutANodeIsAnywhere() throws {
        var host = Self.two
        host.nearest = nil
        #expect(try ReactorPlacement(settings(1, numa: .auto), on: host).cpus == [[]])
    }

    @Test func aPinWinsOverAuto() throws {
        let placement = try ReactorPlacement(settings(1, pin: [0], numa: .auto), on: Self.two)
        #expect(placement.cpus == [[0]])
    }

    @Test func aNodeKeepsToTheCPUsThatAreAllowed() throws {
        var host = Self.two
        host.allowed = [3, 4]
        #expect(try ReactorPlacement(settings(1, numa: .node(0)), on: host).cpus == [[3]])
    }

    @Test(arguments: [
        (2, [1], HostSettings.NUMA.anywhere, "one for each"),
        (1, [9], .anywhere, "CPU 9"),
        (1, [0], .node(1), "not on NUMA node 1"),
        (1, [], .node(3), "NUMA nodes are 0-1"),
    ])
    func whatCannotBeIsRefused(
        reactors: Int, pin: [Int], numa: HostSettings.NUMA, words: String
    ) {
        let wanted = settings(reactors, pin: pin, numa: numa)
        let failure = #expect(throws: StartFailure.self) {
            try ReactorPlacement(wanted, on: Self.two)
        }
        #expect(failure?.cause == .configuration)
        #expect(failure?.description.contains(words) == true)
    }

    @Test func aNodeWithoutAnAllowedCPUIsRefused() {
        var host = Self.two
        host.allowed = [0]
        let wanted = settings(1, numa: .node(1))
        #expect(throws: StartFailure.self) { try ReactorPlacement(wanted, on: host) }
    }
}
