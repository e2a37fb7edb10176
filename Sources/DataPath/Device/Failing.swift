import Reactor
import System
import Wire

// A device that failed a write or a sync is out of service for as long as the process runs: what
// the kernel keeps of it is not to be trusted any more (Rebello and others, "Can applications
// recover from fsync failures?", USENIX ATC 2020). Its blocks count as lost here, and the node goes
// on with its other devices.
extension Datanode where Ring: ~Copyable {
    /// Takes a device out of service: nothing more is written there or acked from it.
    mutating func failDevice(_ device: Int, _ outcome: Outcome) {
        failDevice(device, reason: errorText(outcome.errno))
    }

    mutating func failDevice(_ device: Int, reason: String) {
        guard !devices[device].isFailed else { return }
        devices[device].isFailed = true
        observer.deviceFailed(device, reason)
        for stream in 0..<Int32(streams.capacity)
        where streams.isUsed(stream) && streams.at(stream).pointee.device == device {
            refuse(stream, .deviceFailed, .failed(0), reason)
        }
        for (block, record) in index.records where record.device == device {
            losing.append(block)
        }
    }

    /// Ends a stream whose device does not take its block.
    mutating func refuse(
        _ stream: Int32, _ status: Status, _ outcome: Outcome, _ reason: String? = nil
    ) {
        let entry = streams.at(stream)
        guard !entry.pointee.isEnding else { return }
        let path = devices[entry.pointee.device].path
        let text = "\(status.explanation): \(path) (\(reason ?? errorText(outcome.errno)))"
        if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, status, text) }
        guard streams.isUsed(stream) else { return }
        abandon(stream)
    }

    /// The block's file does not hold what was written to it. A sealed copy is condemned, as by a
    /// reader or the scrub; an open one is given up.
    mutating func failCorrupt(stream: Int32, _ finding: ScrubFinding) {
        let entry = streams.at(stream)
        condemn(entry.pointee.block, finding)
        if entry.pointee.upstream >= 0 { fail(entry.pointee.upstream, .corrupt) }
        guard streams.isUsed(stream) else { return }
        abandon(stream)
    }

    /// Blocks of failed devices that are told to be lost in one turn: a device may have many.
    static var lossesPerTurn: Int { 1024 }

    mutating func tellLosses() {
        for _ in 0..<min(losing.count, Self.lossesPerTurn) {
            let block = losing.removeLast()
            guard var record = index[block], devices[record.device].isFailed,
                record.state != .lost
            else { continue }
            record.state = .lost
            self.record(block, record)
        }
    }
}
