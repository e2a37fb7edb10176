import CURing
import Glibc
import Reactor
import Testing

/// Errnos through a real ring: a NOP that completes with the result it is given (Linux 6.10).
@Suite struct ErrnoInjectionTests {
    @Test func theKernelRingCarriesAnyErrno() throws {
        let ring = UnsafeMutablePointer<io_uring>.allocate(capacity: 1)
        defer { ring.deallocate() }
        ring.initialize(to: io_uring())
        try #require(io_uring_queue_init(8, ring, 0) == 0)
        defer { io_uring_queue_exit(ring) }
        for number in [EIO, ENOSPC, ECONNRESET, EINTR, ECANCELED] {
            let entry = try #require(io_uring_get_sqe(ring))
            curing_prep_nop_result(entry, -number)
            io_uring_sqe_set_data64(entry, UInt64(number))
            try #require(io_uring_submit_and_wait(ring, 1) == 1)
            var completion = Completion(token: .nobody, result: 0)
            let count = withUnsafeMutablePointer(to: &completion) {
                $0.withMemoryRebound(to: curing_completion.self, capacity: 1) {
                    curing_reap(ring, $0, 1)
                }
            }
            #expect(count == 1)
            #expect(completion.token.bits == UInt64(number))
            guard completion.result != -EINVAL, completion.result != 0 else {
                reportMissing("NOP with an injected result (Linux 6.10)")
                return
            }
            #expect(completion.result == -number)
            #expect(Outcome(completion.result) == Outcome(-number))
        }
    }
}

/// Says that this machine's kernel could not show something, where nobody overlooks it.
func reportMissing(_ feature: String) {
    Issue.record("NOT CHECKED: this kernel has no \(feature)", severity: .warning)
}
