import CURing
import Glibc
import System

/// Wakes a ring's thread out of its wait; may be called from any thread, also after the ring is
/// gone.
public struct RingWaker: Sendable {
    private let descriptor: EventDescriptor?

    /// A waker for a ring whose thread never sleeps, as in a simulation.
    public init() { descriptor = nil }

    init(_ descriptor: EventDescriptor) { self.descriptor = descriptor }

    public func wake() { descriptor?.signal() }
}

/// An eventfd that is closed when its last owner is gone.
final class EventDescriptor: Sendable {
    let number: Int32

    init() throws(RingFailure) {
        number = eventfd(0, CURING_EFD_CLOEXEC)
        guard number >= 0 else {
            throw RingFailure(errno: errno, "cannot make an eventfd: \(errorText(errno))")
        }
    }

    deinit { close(number) }

    /// An eventfd takes a write unless its counter would overflow, and then it is readable anyway.
    func signal() {
        var one: UInt64 = 1
        let count = write(number, &one, 8)
        precondition(count == 8 || errno == EAGAIN, "an eventfd takes eight bytes")
    }
}
