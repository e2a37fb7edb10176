import Reactor
import Wire

/// Syncs of files and of their directories on every device of a reactor: started as far as
/// `SyncQueue` lets them.
struct Syncs<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var queues: [SyncQueue]

    init(devices count: Int) { queues = Array(repeating: SyncQueue(), count: count) }

    // MARK: Files

    /// Syncs a stream's file; beyond the bound it waits, and a later `fileFinished` names it.
    mutating func request(
        _ file: Descriptor, of stream: StreamIndex, on device: Int, _ core: inout Core<Ring>
    ) {
        guard queues[device].begin(stream) else { return }
        start(file, of: stream, &core)
    }

    /// Syncs a file whose turn it is.
    func start(_ file: Descriptor, of stream: StreamIndex, _ core: inout Core<Ring>) {
        core.reactor.start(
            .sync(file, dataOnly: true),
            OperationContext(kind: OperationKind.syncFile.rawValue, owner: stream.owner))
    }

    /// A file's sync ended.
    /// - Returns: the stream whose turn it is.
    mutating func fileFinished(on device: Int) -> StreamIndex? { queues[device].finished() }

    /// Streams whose file's sync waits for a place.
    func waiting(on device: Int) -> Int { queues[device].waiting.count }

    // MARK: Names

    /// Syncs the directory for a stream's file, now or with the next one.
    mutating func requestDirectory(
        of stream: StreamIndex, on device: Int, _ core: inout Core<Ring>
    ) {
        if queues[device].join(stream) { startDirectory(device, &core) }
    }

    func startDirectory(_ device: Int, _ core: inout Core<Ring>) {
        core.reactor.start(
            .sync(core.blocks.devices[device].blocks, dataOnly: false),
            OperationContext(kind: OperationKind.syncDirectory.rawValue, owner: UInt32(device)))
    }

    /// The directory's sync ended.
    /// - Returns: the streams it covered, and whether the next one is to start now.
    mutating func directoryFinished(on device: Int) -> (covered: [StreamIndex], isNextDue: Bool) {
        queues[device].directoryFinished()
    }

    // MARK: What holds

    func checkInvariants(isIdle: Bool) {
        for queue in queues { queue.checkInvariants(isIdle: isIdle) }
    }
}
