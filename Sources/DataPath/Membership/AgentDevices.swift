import Logging
import Reactor
import Wire

/// A node's devices on its agent's thread: what they have room for, whether they still serve, and
/// what they keep of the registration. Changes are told to the log, once each.
final class AgentDevices: AgentNode {
    private let directories: [DataDirectory]
    private let outbox: Outbox
    private let host: ReactorHost
    private let log: Logger
    private var records: DirectoryRecords<KernelFolder>
    /// Devices of which the log has said that they are out of service.
    private var failuresTold: Set<Int> = []
    /// Devices of which the log has said that they have no room.
    private var fullTold: Set<Int> = []

    init(
        _ directories: [DataDirectory], _ outbox: Outbox, _ host: ReactorHost, _ log: Logger
    ) {
        self.directories = directories
        self.outbox = outbox
        self.host = host
        self.log = log
        records = DirectoryRecords(
            directories.map { .init($0.records, $0.identity, origin: $0.origin) })
    }

    func beginGeneration() -> UInt64 {
        if let failure = records.begin() {
            log.warning(
                "a directory does not keep its generation", metadata: ["reason": "\(failure)"])
        }
        return records.generation
    }

    /// The cluster has taken this node in: its directories are that cluster's from now on.
    /// - Returns: why one of them cannot be.
    func bind(to cluster: ClusterID) -> StartFailure? {
        do throws(StartFailure) {
            try records.accepted(by: cluster)
            return nil
        } catch {
            return error
        }
    }

    func deviceReports() -> [DeviceReport] {
        checkDevices()
        tellFailures()
        return directories.enumerated().map { place, directory in
            let room = directory.room(spareBytes: outbox.spareBytes(on: place))
            tell(room, of: place)
            var report = DeviceReport(id: directory.device, path: directory.path, room: room)
            report.fileSystem = directory.fileSystem
            return report
        }
    }

    /// Takes devices out of service whose directory is gone or read-only, before a write meets it.
    private func checkDevices() {
        let failed = outbox.failedDevices
        for (place, directory) in directories.enumerated() where failed[place] == nil {
            guard let defect = directory.defect else { continue }
            outbox.deviceFailed(place, defect)
            host.deliver(.deviceFailed(place, reason: defect))
        }
    }

    private func tellFailures() {
        let failed = outbox.failedDevices
        guard failed.count > failuresTold.count else { return }
        for (place, reason) in failed where failuresTold.insert(place).inserted {
            log.error(
                "device out of service: its blocks count as lost here",
                metadata: [
                    "device": "\(directories[place].device)", "path": "\(directories[place].path)",
                    "reason": "\(reason)",
                ])
        }
        if failed.count == directories.count {
            log.error("every device is out of service: this node takes no writes")
        }
    }

    private func tell(_ room: DeviceRoom, of place: Int) {
        if let defect = room.defect {
            guard fullTold.insert(place).inserted else { return }
            log.warning(
                "a device has no room: no new blocks are put there",
                metadata: ["path": "\(directories[place].path)", "reason": "\(defect)"])
        } else if fullTold.remove(place) != nil {
            log.info("a device has room again", metadata: ["path": "\(directories[place].path)"])
        }
    }
}
