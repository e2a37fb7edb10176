import CURing
import Glibc
import Reactor
import System
import Wire

/// The scrub of all devices by one reactor: every sealed block is read and compared within the
/// period (`ScrubPace`, `ScrubTour`), through the ring and into a buffer that nobody else wants
/// just then. What a block turns out to be is `ScrubCheck`'s; here operations are started and
/// completions handed on.
struct Scrubs<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var devices: [ScrubDevice]
    /// Operations in the kernel's hands.
    private(set) var inFlight = 0

    init(_ settings: DatanodeSettings, devices count: Int, now: UInt64) {
        devices = Array(repeating: ScrubDevice(settings, now: now), count: count)
    }

    /// Wakes every device's scrub for the first time.
    mutating func start(_ core: inout Core<Ring>) {
        for device in devices.indices { wake(device, in: 0, &core) }
    }

    private func wake(_ device: Int, in span: UInt64, _ core: inout Core<Ring>) {
        core.arm(.scrub(device: device), in: span)
    }

    /// Goes on where the process before stood.
    mutating func resume(_ cursors: [ScrubCursor], _ share: ReactorShare) {
        for cursor in cursors
        where cursor.reactor == share.number && cursor.reactors == share.count
            && devices.indices.contains(cursor.device)
        {
            devices[cursor.device].tour = ScrubTour(after: cursor.after, passes: cursor.passes)
        }
    }

    /// The namenode's word that a block is to be read now, or every block.
    mutating func ask(for block: BlockID?, _ core: inout Core<Ring>) {
        if let block {
            guard let record = core.blocks[block], record.state == .sealed else { return }
            // The namenode asks again when it has no answer.
            guard devices[record.device].tour.ask(block) else { return }
            wake(record.device, in: 0, &core)
        } else {
            for device in devices.indices {
                devices[device].tour.askAll()
                wake(device, in: 0, &core)
            }
        }
    }

    /// Starts the next read of a device, or says when to ask again.
    mutating func turn(_ device: Int, _ core: inout Core<Ring>) {
        guard !core.isStopping, !core.blocks.devices[device].isFailed, !devices[device].isBusy
        else { return }
        if devices[device].job == nil {
            devices[device].surveyIfDue(core.blocks.index, device, now: core.reactor.now)
        }
        guard devices[device].job != nil || devices[device].tour.choice != nil else {
            return wake(device, in: ScrubDevice.surveySpan, &core)
        }
        guard let start = devices[device].pace.start(isUrgent: devices[device].isUrgent) else {
            return
        }
        guard start <= core.reactor.now else {
            return wake(device, in: min(start - core.reactor.now, ScrubDevice.surveySpan), &core)
        }
        guard devices[device].job == nil else { return read(device, &core) }
        begin(device, &core)
    }

    private mutating func begin(_ device: Int, _ core: inout Core<Ring>) {
        guard let choice = devices[device].tour.choice else { return }
        guard let record = core.blocks[choice.block], record.state == .sealed,
            record.device == device, !core.blocks.isDying(choice.block)
        else {
            devices[device].tour.passed(choice)
            return wake(device, in: 0, &core)
        }
        devices[device].job = ScrubJob(
            choice: choice,
            check: ScrubCheck(
                choice.block, record, cluster: core.identity.cluster,
                device: core.blocks.devices[device].id,
                pieceBytes: core.settings.budget.readPacketBytes))
        open(device, &core)
    }

    // MARK: Operations

    /// One is about to be started.
    private mutating func occupy(_ device: Int) {
        precondition(!devices[device].isBusy, "a device's scrub does one thing at a time")
        devices[device].isBusy = true
        inFlight += 1
    }

    private mutating func endOperation(on device: Int) {
        precondition(devices[device].isBusy, "what completes was started")
        devices[device].isBusy = false
        inFlight -= 1
    }

    private mutating func open(_ device: Int, _ core: inout Core<Ring>) {
        guard let job = devices[device].job else { return }
        let name = Device.name(of: job.choice.block)
        let blocks = core.blocks.devices[device].blocks
        let flags = O_RDONLY | (core.blocks.devices[device].isDirect ? CURING_O_DIRECT : 0)
        occupy(device)
        let context = OperationContext(
            kind: OperationKind.openForScrub.rawValue, owner: UInt32(device))
        core.reactor.start(context) { memory in
            .open(at: blocks, path: memory.storePath(name, at: 0), flags: flags, mode: 0)
        }
    }

    mutating func opened(_ device: Int, _ outcome: Outcome, _ core: inout Core<Ring>) {
        endOperation(on: device)
        switch outcome {
        case .done(let number):
            devices[device].job?.descriptor = .fixed(number)
            read(device, &core)
        case .again: open(device, &core)
        case .failed(ENOENT): end(device, ScrubFinding("its file is gone"), &core)
        case .failed(EMFILE), .failed(ENFILE), .cancelled, .disconnected, .full:
            // No descriptor now: the block stays the next one.
            devices[device].job = nil
            wake(device, in: 1_000_000_000, &core)
        case .failed(let number):
            end(device, ScrubFinding("its file cannot be opened: \(errorText(number))"), &core)
        }
    }

    /// Reads the next part, when there is a buffer that nobody misses.
    private mutating func read(_ device: Int, _ core: inout Core<Ring>) {
        guard !core.isStopping, let job = devices[device].job else { return }
        guard let buffer = takeBuffer(isPayload: job.check.isAtPayload, &core) else {
            return wake(device, in: 10_000_000, &core)
        }
        devices[device].job?.transfer = job.check.transfer
        devices[device].job?.started = core.reactor.now
        readMore(device, buffer, &core)
    }

    /// Half of a pool stays for writers and readers.
    private func takeBuffer(isPayload: Bool, _ core: inout Core<Ring>) -> BufferIndex? {
        guard inFlight < core.settings.budget.scrubReads else { return nil }
        guard isPayload else {
            return core.buffers.isHalfOfMetadataFree ? core.buffers.takeMetadata() : nil
        }
        return core.buffers.isHalfOfPayloadsFree ? core.buffers.takePayload(for: FrameSlot()) : nil
    }

    private mutating func readMore(
        _ device: Int, _ buffer: BufferIndex, _ core: inout Core<Ring>
    ) {
        guard let job = devices[device].job else { return }
        let isPayload = job.check.isAtPayload
        let kind = isPayload ? OperationKind.scrubData : .scrubMetadata
        let memory = isPayload ? core.buffers.page(of: buffer) : core.buffers.metadata(buffer)
        occupy(device)
        core.reactor.start(
            job.transfer.read(job.descriptor, into: memory),
            OperationContext(kind: kind.rawValue, owner: UInt32(device), buffer: buffer))
    }

    mutating func didRead(_ device: Int, _ event: Event, _ core: inout Core<Ring>) {
        endOperation(on: device)
        guard let step = devices[device].job?.transfer.take(event.outcome),
            let needed = devices[device].job?.transfer.needed
        else { preconditionFailure("a read of no block") }
        switch step {
        case .whole:
            core.counters.bytesScrubbed &+= UInt64(needed)
            devices[device].counts.bytes &+= UInt64(needed)
            finish(device, event, needed, compare(device, event, &core), &core)
        case .more: readMore(device, event.operation.requiredBuffer, &core)
        case .short: finish(device, event, needed, .tooShort, &core)
        case .failed:
            guard let finding = ScrubFinding(unreadable: event.outcome) else {
                return postpone(device, event, &core)
            }
            finish(device, event, needed, finding, &core)
        }
    }

    private mutating func compare(
        _ device: Int, _ event: Event, _ core: inout Core<Ring>
    ) -> ScrubFinding? {
        let buffer = event.operation.requiredBuffer
        let memory =
            isPayload(event) ? core.buffers.page(of: buffer) : core.buffers.metadata(buffer)
        do throws(ScrubFinding) {
            try devices[device].job?.check.take(memory)
            return nil
        } catch {
            return error
        }
    }

    private func isPayload(_ event: Event) -> Bool {
        event.operation.kind == OperationKind.scrubData.rawValue
    }

    /// The read says nothing about the device: the same part is read again in a second.
    private func postpone(_ device: Int, _ event: Event, _ core: inout Core<Ring>) {
        release(event, &core)
        wake(device, in: 1_000_000_000, &core)
    }

    private func release(_ event: Event, _ core: inout Core<Ring>) {
        if isPayload(event) {
            core.buffers.giveBack(event.operation.requiredBuffer)
        } else {
            core.buffers.releaseMetadata(event.operation.requiredBuffer)
        }
    }

    /// Gives the buffer back and plans the next read, or ends the block.
    private mutating func finish(
        _ device: Int, _ event: Event, _ bytes: Int, _ finding: ScrubFinding?,
        _ core: inout Core<Ring>
    ) {
        release(event, &core)
        guard let job = devices[device].job else { return }
        devices[device].pace.finished(
            started: job.started, now: core.reactor.now, bytes: UInt64(bytes),
            of: devices[device].tour.bytes, isUrgent: devices[device].isUrgent)
        if finding != nil || job.check.step == .whole { return end(device, finding, &core) }
        turn(device, &core)
    }

    /// The block was read whole, or is bad. A finding counts only when the block is still what it
    /// was when the read began: its file may have been deleted and be another block's by now.
    private mutating func end(
        _ device: Int, _ finding: ScrubFinding?, _ core: inout Core<Ring>
    ) {
        guard let job = devices[device].job else { return }
        let block = job.choice.block
        if core.blocks[block] == job.check.record, !core.blocks.isDying(block) {
            devices[device].counts.blocks &+= 1
            core.counters.blocksScrubbed &+= 1
            if let finding { core.condemn(block, finding) }
        }
        devices[device].tour.passed(job.choice)
        guard !job.descriptor.isNone else {
            devices[device].job = nil
            return wake(device, in: 0, &core)
        }
        occupy(device)
        core.reactor.start(
            .close(job.descriptor),
            OperationContext(kind: OperationKind.closeScrub.rawValue, owner: UInt32(device)))
    }

    mutating func closed(_ device: Int, _ core: inout Core<Ring>) {
        endOperation(on: device)
        devices[device].job = nil
        turn(device, &core)
    }

    // MARK: What is told

    /// How far each device has come.
    func progress(_ blocks: borrowing Blocks) -> [ScrubProgress] {
        devices.indices.map { device in
            let scrub = devices[device]
            return ScrubProgress(
                device: device, after: scrub.tour.after, passes: scrub.tour.passes,
                passBlocks: scrub.tour.blocks, passDone: min(scrub.tour.met, scrub.tour.blocks),
                passBytes: scrub.tour.bytes, blocks: scrub.counts.blocks,
                bytes: scrub.counts.bytes, bad: blocks.devices[device].corruptBlocks,
                asked: scrub.tour.waiting)
        }
    }

    func checkInvariants() {
        precondition(inFlight == devices.count { $0.isBusy }, "one operation for each busy device")
        for device in devices where device.isBusy {
            precondition(device.job != nil, "an operation is about a block")
        }
    }
}
