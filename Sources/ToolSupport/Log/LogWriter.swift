import Dispatch
import Synchronization

/// Writes log lines on a thread of its own, so that a reader of the log that is slow, stopped or
/// gone holds up this thread and nobody else.
///
/// Standard error may be a pipe that nobody reads or a terminal that was stopped: a write then
/// blocks for as long as that lasts. It is not made non-blocking, since `O_NONBLOCK` belongs to the
/// open file description and would be set for every process that shares it.
public final class LogWriter: Sendable {
    public static let standardError = LogWriter(.error)

    private struct State {
        var queue: LogQueue
        var hasThread = true
        /// The thread waits to be woken.
        var isResting = true
        /// To be told when every line before them is written or lost.
        var drains: [DispatchSemaphore] = []
        /// What the log says of lines that it lost.
        var loss: @Sendable (Int) -> String = { "\($0) log lines were dropped\n" }
    }

    private let stream: StandardStream
    private let state: Mutex<State>
    private let work = DispatchSemaphore(value: 0)

    /// - Parameter most: bytes that may wait.
    package init(_ stream: StandardStream, most: Int = LogQueue.mostBytes) {
        self.stream = stream
        state = Mutex(State(queue: LogQueue(most: most)))
        // Lives as long as the process, like the stream that it writes to.
        let result = DetachedThread.start { [self] in run() }
        state.withLock { $0.hasThread = result == 0 }
    }

    /// Never waits, unless the system had no thread to give: then the caller writes. A line that
    /// finds no room is counted, and the count written when there is a reader again.
    public func write(_ line: String) {
        guard state.withLock({ $0.hasThread }) else {
            _ = stream.write(line)
            return
        }
        change { $0.queue.add(line) }
    }

    /// The line that tells how many were dropped, in the log's own format.
    public func tellLoss(_ line: @escaping @Sendable (Int) -> String) {
        state.withLock { $0.loss = line }
    }

    /// Waits until everything is written, for as long as somebody may be expected to read it: a
    /// process that ends has said its last words then, or nobody listens.
    /// - Returns: whether everything was written or is known to be lost.
    @discardableResult
    public func drain(milliseconds: Int = 1_000) -> Bool {
        guard state.withLock({ $0.hasThread }) else { return true }
        let done = DispatchSemaphore(value: 0)
        change { $0.drains.append(done) }
        return done.wait(timeout: .now() + .milliseconds(milliseconds)) == .success
    }

    private func change(_ body: (inout State) -> Void) {
        let wakes = state.withLock { state in
            body(&state)
            defer { state.isResting = false }
            return state.isResting
        }
        if wakes { work.signal() }
    }

    private func run() {
        var lost = 0
        while true {
            let (lines, dropped, loss) = next()
            var isHeard = tell(&lost, loss)
            for line in lines {
                isHeard = stream.write(line) == 0
                if !isHeard { lost += 1 }
            }
            lost += dropped
            if isHeard { _ = tell(&lost, loss) }
        }
    }

    /// - Returns: whether somebody heard it, or there was nothing to tell.
    private func tell(_ lost: inout Int, _ loss: (Int) -> String) -> Bool {
        guard lost > 0 else { return true }
        guard stream.write(loss(lost)) == 0 else { return false }
        lost = 0
        return true
    }

    /// Waits for lines.
    private func next() -> (lines: [String], dropped: Int, loss: @Sendable (Int) -> String) {
        while true {
            let found = state.withLock { state in
                if state.queue.isEmpty {
                    for drain in state.drains { drain.signal() }
                    state.drains = []
                    state.isResting = true
                }
                let taken = state.queue.take()
                return (lines: taken.lines, dropped: taken.dropped, loss: state.loss)
            }
            if !found.lines.isEmpty || found.dropped > 0 { return found }
            work.wait()
        }
    }
}
