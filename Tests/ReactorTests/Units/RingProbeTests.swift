import Glibc
import Reactor
import System
import Testing

@Suite struct RingProbeTests {
    @Test(arguments: [
        (EPERM, "io_uring_disabled"), (ENOSYS, "Linux 6.1"), (EINVAL, "Linux 6.1"),
        (ENOMEM, "memlock"), (EMFILE, "ulimit -n"),
    ])
    func aRefusedRingSaysWhatToDo(number: Int32, word: String) {
        let failure = RingProbe.setupFailure(number)
        #expect(failure.errno == number)
        #expect(failure.description.hasPrefix("cannot set up io_uring: "))
        #expect(failure.description.contains(word))
    }

    @Test(arguments: [ENOMEM, EPERM])
    func refusedBuffersNameTheLimit(number: Int32) {
        let failure = RingProbe.registrationFailure(number, bytes: 64 << 20)
        #expect(failure.errno == number)
        #expect(failure.description.contains("64 MiB"))
        #expect(failure.description.contains("memlock"))
    }

    @Test func anotherErrnoIsToldInTheSystemsWords() {
        #expect(
            RingProbe.registrationFailure(EBUSY, bytes: 1).description.contains(errorText(EBUSY)))
        #expect(RingProbe.setupFailure(EIO).description.contains(errorText(EIO)))
    }

    @Test func anAddressInUseIsNamed() throws {
        var ring = try Backend.makeKernelRing()
        let wanted = try #require(SocketAddress(host: "127.0.0.1", port: 0))
        let (listener, address) = try ring.listen(on: wanted, backlog: 4)
        #expect(throws: RingFailure.self) { try ring.listen(on: address, backlog: 4) }
        Glibc.close(listener.number)
    }
}
