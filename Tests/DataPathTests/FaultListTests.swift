import DataPath
import Glibc
import Reactor
import Testing

@Suite struct FaultListTests {
    @Test(arguments: [
        "before-disk:kill:1", "after-disk-before-ack:stop:3", "recv-header:delay=20:7",
        "before-disk:errno=EIO:1", "seal-before-sync:errno=ENOSPC:2+", "read-before-disk:short:1+",
        "before-forward:short:1,before-disk:errno=EINTR:4",
    ])
    func isOne(text: String) throws {
        let list = try FaultList(text)
        #expect(list.faults.count == text.split(separator: ",").count)
    }

    @Test(arguments: [
        "", ",", "before-disk", "before-disk:kill", "before-disk:kill:0", "before-disk:kill:+",
        "before-disk:kill:1:1", "nowhere:kill:1", "before-disk:errno=EWHAT:1",
        "before-disk:errno:1", "before-disk:delay=:1", "before-disk:delay=60001:1",
        // A result is changed before the ring has the operation, or not at all.
        "after-disk-before-ack:errno=EIO:1", "after-disk-before-ack:short:1",
        "before-disk:kill:1,", "before-disk:kill:x+",
    ])
    func isNone(text: String) {
        #expect(throws: StartFailure.self) { try FaultList(text) }
    }

    @Test func whatItSays() throws {
        let list = try FaultList("before-disk:errno=EIO:2+")
        let fault = try #require(list.faults.first)
        #expect(fault.action == .fail(errno: EIO))
        #expect(fault.moment == .begin)
        #expect(fault.first == 2)
        #expect(fault.repeats)
        #expect(fault.needsAnswers)
    }

    @Test func theRefusalNamesThePoints() {
        let failure = #expect(throws: StartFailure.self) { try FaultList("nowhere:kill:1") }
        #expect(failure?.description.contains("after-disk-before-ack") == true)
        #expect(failure?.cause == .configuration)
    }
}
