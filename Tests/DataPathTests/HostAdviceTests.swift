import Reactor
import Testing

@testable import DataPath

@Suite struct HostAdviceTests {
    /// Two sockets of 16 CPUs, a 100 Gb NIC on the second, NVMe on the first, 256 GiB.
    private static var server: HostFacts {
        var facts = HostFacts()
        facts.cpus = Array(0..<32)
        facts.numaNodes = [0: Array(0..<16), 1: Array(16..<32)]
        facts.memory = HostFacts.Memory(
            totalBytes: 256 << 30, freeHugePages: 0, transparent: "madvise")
        facts.interfaces = [
            nic("eno1", 1000, node: 0), nic("ens1", 100_000, node: 1),
        ]
        var device = DeviceFacts()
        device.name = "nvme0n1"
        device.isNVMe = true
        device.numaNode = 0
        device.freeBytes = 1 << 40
        facts.device = device
        return facts
    }

    private static func nic(
        _ name: String, _ megabits: Int?, node: Int? = nil, isUp: Bool = true
    ) -> HostFacts.Interface {
        HostFacts.Interface(
            name: name, megabits: megabits, mtu: 9000, numaNode: node, queues: 8, isUp: isUp)
    }

    private func value(_ setting: String, _ facts: HostFacts) -> String? {
        HostAdvice(facts).lines.first { $0.setting == setting }?.value
    }

    @Test func aServerWithAFastNIC() {
        let advice = HostAdvice(Self.server)
        #expect(advice.problems.isEmpty)
        #expect(value("--reactors", Self.server) == "5")
        #expect(value("--pin", Self.server) == "17-21", "on the NIC's node, without its first CPU")
        #expect(value("--numa", Self.server) == "auto")
        #expect(value("--payload-buffers", Self.server) == "256")
        #expect(value("--packet-bytes", Self.server) == "1MiB")
        #expect(value("--huge-pages", Self.server) == "true")
        let pages = value("vm.nr_hugepages", Self.server).flatMap { Int($0) } ?? 0
        #expect(pages * (2 << 20) >= 5 * advice.budget.regionBytes)
        #expect(pages * (2 << 20) < 5 * (advice.budget.regionBytes + (4 << 20)))
        #expect(value("LimitMEMLOCK", Self.server) == nil)
        #expect(advice.lines.allSatisfy { !$0.reason.isEmpty })
        #expect(throws: Never.self) { try advice.budget.check() }
    }

    @Test(arguments: [
        (1_000, 32, 1), (10_000, 32, 1), (20_000, 32, 1), (25_000, 32, 2), (40_000, 32, 2),
        (100_000, 32, 5),
        (200_000, 32, 10), (400_000, 32, 20), (400_000, 8, 6), (100_000, 2, 1), (100_000, 1, 1),
    ])
    func reactorsFollowTheNICAndTheCPUs(megabits: Int, cpus: Int, reactors: Int) {
        var facts = Self.server
        facts.cpus = Array(0..<cpus)
        facts.numaNodes = [0: facts.cpus]
        facts.interfaces = [Self.nic("ens1", megabits)]
        #expect(value("--reactors", facts) == "\(reactors)")
        #expect((value("--pin", facts) != nil) == (reactors > 1))
    }

    @Test func anInterfaceThatIsDownOrSilentDoesNotCount() {
        var facts = Self.server
        facts.interfaces = [Self.nic("ens1", 100_000, isUp: false), Self.nic("eth0", nil)]
        #expect(facts.fastest?.name == "eth0")
        #expect(value("--reactors", facts) == "1")
        #expect(value("--payload-buffers", facts) == "128")
    }

    @Test func withoutANICsNodeTheDevicesCounts() {
        var facts = Self.server
        facts.interfaces = [Self.nic("bond0", 100_000)]
        #expect(value("--pin", facts) == "1-5")
    }

    @Test func reservedHugePagesAreUsed() {
        var facts = Self.server
        facts.memory.freeHugePages = 4096
        #expect(value("--huge-pages", facts) == "true")
        #expect(value("vm.nr_hugepages", facts) == nil)
    }

    @Test func aSmallMachineGetsSmallBuffers() {
        var facts = HostFacts()
        facts.cpus = [0]
        facts.memory = HostFacts.Memory(
            totalBytes: 1 << 30, freeHugePages: 0, transparent: "always")
        let advice = HostAdvice(facts)
        #expect(value("--packet-bytes", facts) == "512KiB")
        #expect(value("--payload-buffers", facts) == "128")
        #expect(advice.budget.regionBytes <= 128 << 20)
        #expect(value("--huge-pages", facts) == nil)
        #expect(advice.problems.isEmpty)
    }

    @Test func limitsThatAreTooLowAreProblems() {
        var facts = Self.server
        facts.limits = HostFacts.Limits(lockedBytes: 64 << 20, openFiles: 1024)
        let advice = HostAdvice(facts)
        #expect(value("LimitMEMLOCK", facts) == "infinity")
        #expect(value("LimitNOFILE", facts) != nil)
        #expect(advice.problems.count == 2)
        #expect(advice.problems[0].contains("memlock"))
        #expect(advice.problems[1].contains("nofile"))
    }

    @Test func aDeviceIsJudged() {
        var facts = Self.server
        facts.device?.isDirect = false
        facts.device?.isRotating = true
        facts.device?.freeBytes = 1 << 20
        let advice = HostAdvice(facts)
        #expect(advice.lines.filter { $0.setting == "--dir" }.count == 2)
        #expect(advice.problems.count == 1)
    }
}
