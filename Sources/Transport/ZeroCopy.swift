/// Whether one connection's payload goes out without a copy, as a pure decision.
///
/// A zero-copy send pays where the network card takes the bytes from the buffer; on loopback the
/// kernel copies them all the same, and the accounting comes on top (io_uring_prep_send_zc.3). So
/// the first large send of a connection tries it, and the kernel's own report
/// (`SEND_ZC_REPORT_USAGE`, Linux 6.2) decides for the rest of the connection's life. A kernel that
/// reports nothing counts as one that did not copy.
@usableFromInline
struct ZeroCopy: BitwiseCopyable, Equatable {
    enum State: UInt8 {
        /// Nothing large was sent yet, or nothing may be sent so.
        case untried, off
        /// The first one is on its way.
        case trying
        case pays, copies
    }

    /// Below this a copy costs less than the notification.
    static let leastBytes = 32 << 10

    private(set) var state: State

    init(isAllowed: Bool) { state = isAllowed ? .untried : .off }

    /// Decides for one send; a `true` is followed by `heard`.
    @usableFromInline
    mutating func takes(bytes: Int) -> Bool {
        guard bytes >= Self.leastBytes else { return false }
        switch state {
        case .untried:
            state = .trying
            return true
        case .pays: return true
        case .off, .trying, .copies: return false
        }
    }

    /// What the notification of a send reported.
    mutating func heard(copied: Bool) {
        if copied { state = .copies } else if state == .trying { state = .pays }
    }
}
