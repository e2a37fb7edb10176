import Glibc
import Reactor
import Testing

@Suite struct OutcomeTests {
    @Test func countsAreDone() {
        #expect(Outcome(0) == .done(0))
        #expect(Outcome(65536) == .done(65536))
    }

    @Test(arguments: [
        (EINTR, Outcome.again), (EAGAIN, .again), (ECANCELED, .cancelled),
        (ECONNRESET, .disconnected(ECONNRESET)), (EPIPE, .disconnected(EPIPE)),
        (ENOTCONN, .disconnected(ENOTCONN)), (ECONNREFUSED, .disconnected(ECONNREFUSED)),
        (ECONNABORTED, .disconnected(ECONNABORTED)), (ETIMEDOUT, .disconnected(ETIMEDOUT)),
        (EHOSTUNREACH, .disconnected(EHOSTUNREACH)), (ENETUNREACH, .disconnected(ENETUNREACH)),
        (ENOSPC, .full(ENOSPC)), (EDQUOT, .full(EDQUOT)), (EFBIG, .full(EFBIG)),
        (EIO, .failed(EIO)), (ENOENT, .failed(ENOENT)), (EROFS, .failed(EROFS)),
        (EINVAL, .failed(EINVAL)), (ENFILE, .failed(ENFILE)),
    ])
    func errnosAreSorted(number: Int32, expected: Outcome) {
        #expect(Outcome(-number) == expected)
        #expect(expected.errno == (expected == .again ? 0 : number))
    }

    @Test func ourOwnMistakesTrap() async {
        await #expect(processExitsWith: .failure) { _ = Outcome(-EBADF) }
        await #expect(processExitsWith: .failure) { _ = Outcome(-EFAULT) }
    }

    @Test func descriptorsKnowTheirKind() {
        #expect(Descriptor.fixed(0).isFixed && Descriptor.fixed(7).number == 7)
        #expect(!Descriptor.plain(0).isFixed && Descriptor.plain(12).number == 12)
        #expect(Descriptor.none.isNone && !Descriptor.plain(0).isNone)
        #expect(Descriptor.fixed(3) != Descriptor.plain(3))
        #expect(Descriptor.plain(3).description == "fd 3")
    }
}
