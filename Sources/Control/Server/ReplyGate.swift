/// Which replies wait for a commit, and for which: a reply leaves only after the commit that covers
/// everything it could have seen. One commit is under way at a time; what comes
/// meanwhile shares the next.
package struct ReplyGate<Reply> {
    /// Those that the commit under way covers.
    package private(set) var committing: [Reply] = []
    private var arrived: [Reply] = []
    package private(set) var isCommitting = false

    package init() {}

    /// Whether a reply has to wait; then a commit has to be begun, if `begin` says that it can.
    /// - Parameters:
    ///   - isSettled: it tells nothing that a commit has yet to make true.
    ///   - isDirty: mutations were applied that no commit covers yet.
    package mutating func holds(_ reply: Reply, isSettled: Bool, isDirty: Bool) -> Bool {
        guard !isSettled, isCommitting || isDirty else { return false }
        arrived.append(reply)
        return true
    }

    /// Begins a commit of what was applied.
    /// - Returns: `false` while one is under way: then the next one takes it, with all that comes
    ///   until then.
    package mutating func begin() -> Bool {
        guard !isCommitting else { return false }
        isCommitting = true
        swap(&committing, &arrived)
        return true
    }

    /// The commit under way is on stable storage.
    /// - Returns: the replies that may leave, in the order in which they came.
    package mutating func end() -> [Reply] {
        precondition(isCommitting, "a commit ends once")
        isCommitting = false
        let leaving = committing
        committing.removeAll(keepingCapacity: true)
        return leaving
    }

    /// Whether another commit is to follow at once.
    package func wantsAnother(isDirty: Bool) -> Bool { isDirty || !arrived.isEmpty }
}
