import Glibc
import Logging
import Reactor
import System
import Wire

/// Gives the reactors the spare files their devices have, and then those that are written for them
/// (`SpareWriter`), on a thread of its own: writing takes as long as the device takes.
final class SpareSupply: Sendable {
    /// `nil` when the system had none to give: spare files then wait for the next start.
    private let thread: ReactorThread?

    init(
        _ directories: [DataDirectory], _ scan: BlockScan, _ settings: DatanodeSettings,
        _ host: ReactorHost, _ stop: StopSignal, _ log: Logger
    ) {
        do throws(RingFailure) {
            thread = try ReactorThread("catena-spares") {
                for (device, directory) in directories.enumerated() {
                    let writer = SpareWriter(directory: directory, stop: stop)
                    host.offer(scan.spares[device], of: device)
                    do throws(StartFailure) {
                        try writer.clear()
                        try writer.fill(
                            scan.spares[device], wanted: settings.preallocateBytes,
                            blockBytes: settings.preallocateBlock
                        ) { host.offer([$0], of: device) }
                    } catch {
                        log.warning(
                            "no more files are preallocated", metadata: ["reason": "\(error)"])
                    }
                }
            }
        } catch {
            thread = nil
            log.warning("spare files are not used", metadata: ["reason": "\(error)"])
        }
    }

    /// Waits for its end, which the stop signal brings.
    func join() { thread?.join() }
}
