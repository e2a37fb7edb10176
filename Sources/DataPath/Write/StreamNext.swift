import Reactor
import Wire

/// What follows for a stream from what its file or its frames did.
enum StreamNext {
    case nothing
    /// Whatever may go on now does.
    case proceed
    /// As `proceed`; and what the writer sent next, and had to wait, may be taken up.
    case resume
    /// It is ending: it may be settled now.
    case ending
    /// The seal has come so far on this node.
    case sealed(Level)
    case flushed
    /// Its writer did wrong, or cannot be answered now; the block stays open.
    case refused(Status)
    /// The device is sound, but the block cannot be written here.
    case givenUp(Status)
    /// The device did not do it.
    case failed(Outcome)
    /// A sync failed, which is final.
    case syncFailed(Outcome)
    /// As one of these, for a stream that was ending.
    case deviceLost(device: Int, Outcome)
    case corrupt(ScrubFinding)
}
