import ControlClient
import Glibc

/// Signals, taken on a thread of its own that waits for them (sigwait.3): what it runs may do
/// anything, and it needs no descriptor, so that it is there also when those are used up.
public enum SignalWatch {
    /// Has `act` called for each signal that comes, from now to the process's end. Before other
    /// threads are made, which inherit that these signals are left to the watch.
    ///
    /// - Parameter keepsIgnored: a signal that was ignored when the process began (nohup) stays so.
    public static func begin(
        _ numbers: [CInt], keepsIgnored: Bool = false,
        _ act: @escaping @Sendable (CInt) -> Void
    ) throws(ToolFailure) {
        let taken = keepsIgnored ? numbers.filter { !isIgnored($0) } : numbers
        guard !taken.isEmpty else { return }
        var set = signalSet(taken)
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // POSIX leaves open whether one that is ignored can be waited for.
        for number in taken { signal(number, SIG_DFL) }
        let result = DetachedThread.start {
            var set = signalSet(taken)
            while true {
                var number: CInt = 0
                if sigwait(&set, &number) == 0 { act(number) }
            }
        }
        guard result == 0 else { throw ProcessLimits.noThread(result) }
    }

    private static func signalSet(_ numbers: [CInt]) -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in numbers { sigaddset(&set, number) }
        return set
    }

    private static func isIgnored(_ number: CInt) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        return isIgnored(action.__sigaction_handler.sa_handler)
    }

    static func isIgnored(_ handler: (@convention(c) (CInt) -> Void)?) -> Bool {
        unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
