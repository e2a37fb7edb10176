import Reactor
import Wire

/// The scrub of one device by one reactor: at most one block at a time, and of it one read.
struct ScrubDevice {
    var tour: ScrubTour
    var pace: ScrubPace
    var job: ScrubJob?
    /// An operation is in the kernel's hands.
    fileprivate(set) var isBusy = false
    /// When the device was surveyed last, or 0.
    var surveyed: UInt64 = 0
    var counts = Counts()

    struct Counts {
        var blocks: UInt64 = 0
        var bytes: UInt64 = 0
        var bad: UInt64 = 0
    }

    init(_ settings: DatanodeSettings, now: UInt64) {
        tour = ScrubTour()
        pace = ScrubPace(period: settings.scrubPeriod, share: settings.scrubShare, now: now)
    }
}

/// The scrub of all devices by one reactor.
struct Scrubs {
    private var devices: [ScrubDevice]
    /// Operations in the kernel's hands.
    private(set) var inFlight = 0

    init(_ settings: DatanodeSettings, devices count: Int, now: UInt64) {
        devices = Array(repeating: ScrubDevice(settings, now: now), count: count)
    }

    subscript(device: Int) -> ScrubDevice {
        get { devices[device] }
        _modify { yield &devices[device] }
    }

    /// An operation of the device's scrub begins.
    mutating func begin(_ device: Int) {
        precondition(!devices[device].isBusy, "a device's scrub does one thing at a time")
        devices[device].isBusy = true
        inFlight += 1
    }

    mutating func settle(_ device: Int) {
        devices[device].isBusy = false
        inFlight -= 1
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
