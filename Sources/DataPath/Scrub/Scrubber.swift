import CURing
import Glibc
import Reactor
import System
import Wire

// The scrub: every sealed block is read and compared within the period (`ScrubPace`, `ScrubTour`),
// through the ring and into a buffer of the pool that nobody else wants just then. What a block
// turns out to be is `ScrubCheck`'s; here operations are started and completions handed on.
extension Datanode where Ring: ~Copyable {
    /// The timer's owner behind those of the connections.
    private func scrubTimer(_ device: Int) -> UInt32 { UInt32(2 * connections.capacity + device) }

    /// Wakes every device's scrub for the first time.
    mutating func startScrubs() {
        for device in devices.indices { wakeScrub(device, at: reactor.now) }
    }

    private mutating func wakeScrub(_ device: Int, at time: UInt64) {
        reactor.timers.clear(scrubTimer(device))
        reactor.timers.arm(scrubTimer(device), at: time)
    }

    /// `nil` for a timer of a connection.
    func scrubbedDevice(ofTimer owner: UInt32) -> Int? {
        let place = Int(owner) - 2 * connections.capacity
        return devices.indices.contains(place) ? place : nil
    }

    /// Goes on where the process before stood.
    mutating func resumeScrubs(_ cursors: [ScrubCursor]) {
        for cursor in cursors
        where cursor.reactor == share.number && cursor.reactors == share.count
            && devices.indices.contains(cursor.device)
        {
            scrubs[cursor.device].tour = ScrubTour(after: cursor.after, passes: cursor.passes)
        }
    }

    /// The namenode's word that a block is to be read now, or every block.
    mutating func scrub(_ block: BlockID?) {
        if let block {
            guard let record = index[block], record.state == .sealed else { return }
            // The namenode asks again when it has no answer.
            guard scrubs[record.device].tour.ask(block) else { return }
            wakeScrub(record.device, at: reactor.now)
        } else {
            for device in devices.indices {
                scrubs[device].tour.askAll()
                wakeScrub(device, at: reactor.now)
            }
        }
    }

    /// Starts the next read of a device, or says when to ask again.
    mutating func scrubTurn(_ device: Int) {
        guard !isStopping, !devices[device].isFailed, !scrubs[device].isBusy else { return }
        if scrubs[device].job == nil { surveyIfDue(device) }
        guard scrubs[device].job != nil || scrubs[device].tour.choice != nil else {
            return wakeScrub(device, at: deadline(Self.surveySpan))
        }
        guard let start = scrubs[device].pace.start(isUrgent: isUrgent(device)) else { return }
        guard start <= reactor.now else {
            return wakeScrub(device, at: min(start, deadline(Self.surveySpan)))
        }
        guard scrubs[device].job == nil else { return readScrub(device) }
        beginScrub(device)
    }

    /// Somebody waits for the block that is read, or for one behind it.
    private func isUrgent(_ device: Int) -> Bool {
        scrubs[device].tour.isUrgent || scrubs[device].job?.choice.isUrgent == true
    }

    /// A device is surveyed when its known blocks are through, and once a minute.
    private static var surveySpan: UInt64 { 60_000_000_000 }

    private mutating func surveyIfDue(_ device: Int) {
        let now = reactor.now
        let isOld = now >= scrubs[device].surveyed &+ Self.surveySpan
        guard scrubs[device].tour.needsSurvey || isOld || scrubs[device].surveyed == 0 else {
            return
        }
        scrubs[device].surveyed = max(now, 1)
        // Twice: the end of a pass is the beginning of the next.
        for _ in 0..<2 {
            let survey = ScrubSurvey(
                of: index, device: device, after: scrubs[device].tour.after)
            if scrubs[device].tour.take(survey) { return }
        }
    }

    private mutating func beginScrub(_ device: Int) {
        guard let choice = scrubs[device].tour.choice else { return }
        guard let record = index[choice.block], record.state == .sealed,
            record.device == device, !deletions.isDying(choice.block)
        else {
            scrubs[device].tour.passed(choice)
            return wakeScrub(device, at: reactor.now)
        }
        scrubs[device].job = ScrubJob(
            choice: choice,
            check: ScrubCheck(
                choice.block, record, cluster: identity.cluster, device: devices[device].id,
                pieceBytes: settings.budget.readPacketBytes))
        openScrub(device)
    }

    private mutating func openScrub(_ device: Int) {
        guard let job = scrubs[device].job else { return }
        let name = Device.name(of: job.choice.block)
        let blocks = devices[device].blocks
        let flags = O_RDONLY | (devices[device].isDirect ? CURING_O_DIRECT : 0)
        begin(device)
        let context = OperationContext(
            kind: OperationKind.openForScrub.rawValue, owner: UInt32(device))
        reactor.start(context) { memory in
            .open(at: blocks, path: memory.storePath(name, at: 0), flags: flags, mode: 0)
        }
    }

    private mutating func begin(_ device: Int) {
        scrubs.begin(device)
    }

    private mutating func settle(scrub device: Int) {
        scrubs.settle(device)
    }

    mutating func openedForScrub(_ owner: Int32, _ outcome: Outcome) {
        let device = Int(owner)
        settle(scrub: device)
        switch outcome {
        case .done(let number):
            scrubs[device].job?.descriptor = .fixed(number)
            readScrub(device)
        case .again: openScrub(device)
        case .failed(ENOENT): endScrub(device, ScrubFinding("its file is gone"))
        case .failed(EMFILE), .failed(ENFILE), .cancelled, .disconnected, .full:
            // No descriptor now: the block stays the next one.
            scrubs[device].job = nil
            wakeScrub(device, at: deadline(1_000_000_000))
        case .failed(let number):
            endScrub(device, ScrubFinding("its file cannot be opened: \(errorText(number))"))
        }
    }

    /// Reads the next part, when there is a buffer that nobody misses.
    private mutating func readScrub(_ device: Int) {
        guard !isStopping, let job = scrubs[device].job else { return }
        let isPayload = if case .payload = job.check.step { true } else { false }
        guard let buffer = takeScrubBuffer(isPayload) else {
            return wakeScrub(device, at: deadline(10_000_000))
        }
        scrubs[device].job?.transfer = job.check.transfer
        scrubs[device].job?.started = reactor.now
        continueScrub(device, buffer)
    }

    /// Half of a pool stays for writers and readers.
    private mutating func takeScrubBuffer(_ isPayload: Bool) -> Int32? {
        guard scrubs.inFlight < settings.budget.scrubReads else { return nil }
        guard isPayload else {
            return metadata.free > metadata.count / 2 ? metadata.take() : nil
        }
        guard payloads.free > payloads.count / 2, let buffer = payloads.take() else { return nil }
        frames[Int(buffer)] = FrameSlot()
        return buffer
    }

    private mutating func continueScrub(_ device: Int, _ buffer: Int32) {
        guard let job = scrubs[device].job else { return }
        let kind: OperationKind
        let memory: UnsafeMutableRawPointer
        if case .payload = job.check.step {
            kind = .scrubData
            memory = page(of: buffer)
        } else {
            kind = .scrubMetadata
            memory = metadata.memory(buffer)
        }
        begin(device)
        reactor.start(
            job.transfer.read(job.descriptor, into: memory),
            OperationContext(kind: kind.rawValue, owner: UInt32(device), buffer: buffer))
    }

    mutating func readForScrub(_ owner: Int32, _ kind: OperationKind, _ event: Event) {
        let device = Int(owner)
        let buffer = event.operation.buffer
        settle(scrub: device)
        guard let step = scrubs[device].job?.transfer.take(event.outcome),
            let needed = scrubs[device].job?.transfer.needed
        else { preconditionFailure("a read of no block") }
        switch step {
        case .whole:
            counters.bytesScrubbed &+= UInt64(needed)
            scrubs[device].counts.bytes &+= UInt64(needed)
            finishRead(device, event, needed, compareScrub(device, kind, buffer))
        case .more: continueScrub(device, buffer)
        case .short: finishRead(device, event, needed, .tooShort)
        case .failed:
            guard let finding = ScrubFinding(unreadable: event.outcome) else {
                return postpone(device, event)
            }
            finishRead(device, event, needed, finding)
        }
    }

    private mutating func compareScrub(
        _ device: Int, _ kind: OperationKind, _ buffer: Int32
    ) -> ScrubFinding? {
        let memory = kind == .scrubData ? page(of: buffer) : metadata.memory(buffer)
        do throws(ScrubFinding) {
            try scrubs[device].job?.check.take(memory)
            return nil
        } catch {
            return error
        }
    }

    /// The read says nothing about the device: the same part is read again in a second.
    private mutating func postpone(_ device: Int, _ event: Event) {
        release(event)
        wakeScrub(device, at: deadline(1_000_000_000))
    }

    private mutating func release(_ event: Event) {
        if event.operation.kind == OperationKind.scrubData.rawValue {
            releasePayload(event.operation.buffer)
        } else {
            releaseMetadata(event.operation.buffer)
        }
    }

    /// Gives the buffer back and plans the next read, or ends the block.
    private mutating func finishRead(
        _ device: Int, _ event: Event, _ bytes: Int, _ finding: ScrubFinding?
    ) {
        release(event)
        guard let job = scrubs[device].job else { return }
        scrubs[device].pace.finished(
            started: job.started, now: reactor.now, bytes: UInt64(bytes),
            of: scrubs[device].tour.bytes, isUrgent: isUrgent(device))
        if finding != nil || job.check.step == .whole { return endScrub(device, finding) }
        scrubTurn(device)
    }

    /// The block was read whole, or is bad. A finding counts only when the block is still what it
    /// was when the read began: its file may have been deleted and be another block's by now.
    private mutating func endScrub(_ device: Int, _ finding: ScrubFinding?) {
        guard let job = scrubs[device].job else { return }
        let block = job.choice.block
        if let record = index[block], record == job.check.record, !deletions.isDying(block) {
            scrubs[device].counts.blocks &+= 1
            counters.blocksScrubbed &+= 1
            if let finding { condemn(block, finding) }
        }
        scrubs[device].tour.passed(job.choice)
        guard !job.descriptor.isNone else {
            scrubs[device].job = nil
            return wakeScrub(device, at: reactor.now)
        }
        begin(device)
        reactor.start(
            .close(job.descriptor),
            OperationContext(kind: OperationKind.closeScrub.rawValue, owner: UInt32(device)))
    }

    mutating func closedScrub(_ owner: Int32) {
        let device = Int(owner)
        settle(scrub: device)
        scrubs[device].job = nil
        scrubTurn(device)
    }

    /// A block whose bytes on the device are not what was written: it is not served any more and
    /// the namenode hears of it; its file stays until the namenode says otherwise.
    mutating func condemn(_ block: BlockID, _ finding: ScrubFinding) {
        guard var record = index[block], record.state == .sealed, !deletions.isDying(block) else {
            return
        }
        record.state = .corrupt
        counters.blocksCorrupt &+= 1
        scrubs[record.device].counts.bad &+= 1
        self.record(block, record)
        observer.found(block, record, finding.description)
    }

    /// How far each device has come.
    public var scrubProgress: [ScrubProgress] {
        devices.indices.map { device in
            let scrub = scrubs[device]
            return ScrubProgress(
                device: device, after: scrub.tour.after, passes: scrub.tour.passes,
                passBlocks: scrub.tour.blocks, passDone: min(scrub.tour.met, scrub.tour.blocks),
                passBytes: scrub.tour.bytes, blocks: scrub.counts.blocks,
                bytes: scrub.counts.bytes, bad: scrub.counts.bad, asked: scrub.tour.waiting)
        }
    }
}
