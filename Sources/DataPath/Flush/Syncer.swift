import Glibc
import Reactor
import Wire

// Syncs of files and of their directory, for flushes and seals alike. A sync that failed is final
// (ATC '20, "Can Applications Recover from fsync Failures?"): the device is out of service, and
// nothing that the sync covered is acked.
extension Datanode where Ring: ~Copyable {
    /// Makes a stream's file durable: its bytes, and what is needed to find them.
    mutating func syncFile(_ stream: Int32) {
        let entry = streams.at(stream)
        entry.pointee.pending += 1
        syncs.request(entry.pointee.descriptor, of: stream, on: entry.pointee.device, &core)
    }

    mutating func syncedFile(_ stream: Int32, _ outcome: Outcome) {
        let device = streams.at(stream).pointee.device
        synced(stream, outcome)
        while let next = syncs.fileFinished(on: device) {
            // Its stream ended, or its device, while it waited.
            let entry = streams.at(next)
            guard !core.blocks.devices[device].isFailed, !entry.pointee.isEnding else {
                synced(next, .failed(EIO))
                continue
            }
            syncs.start(entry.pointee.descriptor, of: next, &core)
            break
        }
    }

    private mutating func synced(_ stream: Int32, _ outcome: Outcome) {
        guard isSynced(stream, outcome) else { return }
        if !streams.at(stream).pointee.flush.isNameDurable {
            syncDirectory(stream)
        } else {
            madeDurable(stream)
        }
    }

    /// Makes the name of a stream's file durable.
    private mutating func syncDirectory(_ stream: Int32) {
        let entry = streams.at(stream)
        if entry.pointee.flush.phase == .syncingFile {
            entry.pointee.flush.phase = .syncingDirectory
        } else {
            entry.pointee.seal.local = .syncingDirectory
        }
        entry.pointee.pending += 1
        syncs.requestDirectory(of: stream, on: entry.pointee.device, &core)
    }

    mutating func syncedDirectory(_ device: Int, _ outcome: Outcome) {
        var (covered, isNextDue) = syncs.directoryFinished(on: device)
        for stream in covered { syncedName(stream, outcome) }
        guard isNextDue else { return }
        guard core.blocks.devices[device].isFailed else {
            return syncs.startDirectory(device, &core)
        }
        while isNextDue {
            (covered, isNextDue) = syncs.directoryFinished(on: device)
            for stream in covered { syncedName(stream, .failed(EIO)) }
        }
    }

    private mutating func syncedName(_ stream: Int32, _ outcome: Outcome) {
        guard isSynced(stream, outcome) else { return }
        streams.at(stream).pointee.flush.isNameDurable = true
        madeDurable(stream)
    }

    /// `false`: the sync failed, and its device with it, or nobody waits for it any more.
    private mutating func isSynced(_ stream: Int32, _ outcome: Outcome) -> Bool {
        let device = streams.at(stream).pointee.device
        let isLive = settle(stream: stream)
        guard case .done = outcome else {
            if isLive {
                deviceRefused(stream, .deviceFailed, outcome)
            } else {
                failDevice(device, outcome)
                endIfSettled(stream)
            }
            return false
        }
        if !isLive { endIfSettled(stream) }
        return isLive
    }

    private mutating func madeDurable(_ stream: Int32) {
        if streams.at(stream).pointee.flush.running != nil {
            flushed(stream)
        } else {
            sealReached(stream, .durable)
        }
    }
}
