import Reactor
import Wire

/// The scrub of one device by one reactor: at most one block at a time, and of it one read.
struct ScrubDevice {
    var tour: ScrubTour
    var pace: ScrubPace
    var job: ScrubJob?
    /// An operation is in the kernel's hands.
    var isBusy = false
    /// When the device was surveyed last, or 0.
    var surveyed: UInt64 = 0
    var counts = Counts()

    struct Counts {
        var blocks: UInt64 = 0
        var bytes: UInt64 = 0
    }

    init(_ settings: DatanodeSettings, now: UInt64) {
        tour = ScrubTour()
        pace = ScrubPace(period: settings.scrubPeriod, share: settings.scrubShare, now: now)
    }

    /// Somebody waits for the block that is read, or for one behind it.
    var isUrgent: Bool { tour.isUrgent || job?.choice.isUrgent == true }

    /// A device is surveyed when its known blocks are through, and once a minute.
    static let surveySpan: UInt64 = 60_000_000_000

    mutating func surveyIfDue(_ index: BlockIndex, _ device: Int, now: UInt64) {
        let isOld = now >= surveyed &+ Self.surveySpan
        guard tour.needsSurvey || isOld || surveyed == 0 else { return }
        surveyed = max(now, 1)
        // Twice: the end of a pass is the beginning of the next.
        for _ in 0..<2 {
            let survey = ScrubSurvey(of: index, device: device, after: tour.after)
            if tour.take(survey) { return }
        }
    }
}

/// One block that is being read.
struct ScrubJob {
    let choice: ScrubTour.Choice
    var check: ScrubCheck
    var descriptor = Descriptor.none
    /// How far the step's pages have come.
    var transfer = PageTransfer.headers
    var started: UInt64 = 0
}

/// How far the scrub of one device has come, as other threads and people see it.
public struct ScrubProgress: Sendable, Equatable {
    public var device: Int
    /// Blocks numbered up to this one were met in the pass.
    public var after: BlockID
    public var passes: UInt64
    /// Sealed blocks of the device, how many of them the pass has met, and their bytes.
    public var passBlocks: UInt64
    public var passDone: UInt64
    public var passBytes: UInt64
    public var blocks: UInt64
    public var bytes: UInt64
    public var bad: UInt64
    /// Blocks that somebody waits for.
    public var asked: UInt64
}

/// Where a reactor's pass over a device stood when the node stopped.
public struct ScrubCursor: Sendable, Equatable {
    public var device: Int
    public var reactor: Int
    public var reactors: Int
    public var after: BlockID
    public var passes: UInt64
}
