import Logging
import Wire

/// Keeps on disk what the scrub must not forget, on the agent's thread: corrupt blocks at once,
/// where the passes stand once a minute and at the end.
final class ScrubKeeper {
    static let cursorMilliseconds: Int64 = 60_000

    private let directories: [DataDirectory]
    private let log: Logger
    private var written: [ScrubFile]
    private var nextCursors: Int64 = 0
    private var wasRefused = false

    init(_ directories: [DataDirectory], _ kept: [ScrubFile], _ log: Logger) {
        self.directories = directories
        written = kept
        self.log = log
    }

    /// Writes what changed.
    /// - Parameter isLast: the node stops: the passes are kept as they stand.
    func keep(_ outbox: Outbox, now: Int64, isLast: Bool = false) {
        for finding in outbox.takeFindings() {
            log.error(
                "a block is corrupt: it is kept, and not served any more",
                metadata: [
                    "block": "\(finding.block)", "found": "\(finding.reason)",
                    "file": "\(directories[finding.device].path)/blocks/\(finding.block).blk",
                ])
        }
        let withCursors = isLast || now >= nextCursors
        if withCursors { nextCursors = now + Self.cursorMilliseconds }
        for device in directories.indices {
            var file = written[device]
            file.corrupt = outbox.corrupt(on: device)
            if withCursors {
                let passes = outbox.passes(of: device)
                if !passes.isEmpty { file.passes = passes }
            }
            guard file != written[device] else { continue }
            if let reason = directories[device].write(file) {
                // Tried again with the next change or second; the blocks are refused meanwhile.
                if !wasRefused {
                    log.error(
                        "cannot keep what the scrub found",
                        metadata: [
                            "directory": "\(directories[device].path)", "reason": "\(reason)",
                        ])
                }
                wasRefused = true
            } else {
                written[device] = file
                wasRefused = false
            }
        }
    }

    /// Reads what every directory kept.
    static func read(_ directories: [DataDirectory]) throws(StartFailure) -> [ScrubFile] {
        var kept: [ScrubFile] = []
        for directory in directories { kept.append(try directory.readScrub()) }
        return kept
    }

    static func cursors(_ kept: [ScrubFile]) -> [ScrubCursor] {
        kept.enumerated().flatMap { device, file in
            file.passes.map {
                ScrubCursor(
                    device: device, reactor: $0.reactor, reactors: $0.reactors, after: $0.after,
                    passes: $0.passes)
            }
        }
    }
}

extension BlockScan {
    /// Blocks that were found corrupt before are not served, whatever their headers say now.
    mutating func condemn(_ kept: [ScrubFile]) {
        for (device, file) in kept.enumerated() {
            for (block, epoch) in file.corrupt {
                guard var record = index[block], record.device == device,
                    record.epoch <= epoch
                else { continue }
                record.state = .corrupt
                record.epoch = epoch
                index.set(block, record)
            }
        }
    }
}
