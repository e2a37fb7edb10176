import Reactor

/// Who waits for a sync of one device, as a pure state. Streams are named by their index.
///
/// Syncs of files run side by side up to `most`: the file system's journal and the block layer join
/// flushes that overlap, and each one occupies a kernel thread. Of the directory one sync runs at a
/// time, and who comes meanwhile joins the next: a sync covers only what was there when it began.
struct SyncQueue: Sendable {
    /// Syncs of files in flight on one device, for each reactor.
    static let most = 32

    private var running = 0
    private(set) var waiting: [StreamIndex] = []
    private var covered: [StreamIndex] = []
    private var joining: [StreamIndex] = []
    private var isDirectoryRunning = false

    /// `true`: the file's sync may start now; otherwise the stream is named by a later `finished`.
    mutating func begin(_ stream: StreamIndex) -> Bool {
        guard running < Self.most else {
            waiting.append(stream)
            return false
        }
        running += 1
        return true
    }

    /// A file's sync ended.
    /// - Returns: the stream whose sync takes its place.
    mutating func finished() -> StreamIndex? {
        guard !waiting.isEmpty else {
            running -= 1
            return nil
        }
        return waiting.removeFirst()
    }

    /// `true`: a sync of the directory is to start now; it covers this stream.
    mutating func join(_ stream: StreamIndex) -> Bool {
        guard isDirectoryRunning else {
            isDirectoryRunning = true
            covered.append(stream)
            return true
        }
        joining.append(stream)
        return false
    }

    /// The directory's sync ended.
    /// - Returns: the streams it covered, and whether the next one is to start now.
    mutating func directoryFinished() -> (covered: [StreamIndex], isNextDue: Bool) {
        let done = covered
        covered = joining
        joining = []
        isDirectoryRunning = !covered.isEmpty
        return (done, isDirectoryRunning)
    }
    func checkInvariants(isIdle: Bool) {
        precondition(running >= 0 && running <= Self.most, "syncs in flight are bounded")
        precondition(waiting.isEmpty || running == Self.most, "nobody waits while there is a place")
        precondition(isDirectoryRunning == !covered.isEmpty, "a directory's sync covers somebody")
        precondition(joining.isEmpty || isDirectoryRunning, "who joins waits for one that runs")
        if isIdle { precondition(running == 0 && covered.isEmpty, "nobody waits for a sync") }
    }
}
