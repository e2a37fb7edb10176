import Logging
import Wire

/// Keeps on disk what the scrub must not forget, on the agent's thread: corrupt blocks at once,
/// where the passes stand once a minute and at the end.
package final class ScrubKeeper<Files: Folder> {
    private static var cursorMilliseconds: Int64 { 60_000 }

    private let devices: [DeviceFolders<Files>]
    private let log: Logger
    private var written: [ScrubFile]
    private var nextCursors: Int64 = 0
    private var wasRefused = false

    package init(_ devices: [DeviceFolders<Files>], _ kept: [ScrubFile], _ log: Logger) {
        self.devices = devices
        written = kept
        self.log = log
    }

    /// Writes what changed.
    /// - Parameter isLast: the node stops: the passes are kept as they stand.
    package func keep(_ outbox: Outbox, now: Int64, isLast: Bool = false) {
        for finding in outbox.takeFindings() {
            log.error(
                "a block is corrupt: it is kept, and not served any more",
                metadata: [
                    "block": "\(finding.block)", "found": "\(finding.reason)",
                    "file": "\(devices[finding.device].blocks.path)/\(finding.block).blk",
                ])
        }
        let withCursors = isLast || now >= nextCursors
        if withCursors { nextCursors = now + Self.cursorMilliseconds }
        for device in devices.indices {
            var file = written[device]
            file.corrupt = outbox.corrupt(on: device)
            if withCursors {
                let passes = outbox.passes(of: device)
                if !passes.isEmpty { file.passes = passes }
            }
            guard file != written[device] else { continue }
            do throws(FileFailure) {
                try devices[device].records.replace(ScrubFile.name, with: file.text)
                written[device] = file
                wasRefused = false
            } catch {
                // Tried again with the next change or second; the blocks are refused meanwhile.
                if !wasRefused {
                    log.error(
                        "cannot keep what the scrub found",
                        metadata: [
                            "directory": "\(devices[device].records.path)", "reason": "\(error)",
                        ])
                }
                wasRefused = true
            }
        }
    }
}
