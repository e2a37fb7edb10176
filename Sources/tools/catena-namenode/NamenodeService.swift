import Control
import Foundation
import Glibc
import Logging
import ToolSupport

/// Puts the namenode together and waits for its end.
enum NamenodeService {
    typealias Server = NamenodeServer<SQLiteStore>

    static func server(
        _ directory: NamespaceDirectory, settings: NamenodeSettings, map: LocationMap,
        store: SQLiteStore, faults: FaultPoint?, log: Logger
    ) -> Server {
        let namenode = Namenode(
            cluster: directory.cluster, secret: directory.secret, settings: settings,
            locations: map, now: MonotonicClock.milliseconds(),
            generator: BufferedRandom())
        return NamenodeServer(
            engine: Engine(namenode: namenode, store: store), faults: faults, log: log,
            onFailure: { _ in
                LogWriter.standardError.drain()
                exit(EX_IOERR)
            })
    }

    /// What CATENA_FAULT asks for: tests with real processes set it, nobody else should.
    static func faults(log: Logger) throws -> FaultPoint? {
        guard let text = ProcessInfo.processInfo.environment["CATENA_FAULT"] else { return nil }
        guard let fault = FaultPoint(text) else {
            throw ToolFailure(.usage, "CATENA_FAULT is POINT:ACTION:NTH, not \"\(text)\"")
        }
        log.warning("a fault is armed: this process will fail", metadata: ["fault": "\(text)"])
        return fault
    }

    /// Names this run of the kernel: its monotonic clock begins anew with the next.
    static func boot() throws -> String {
        let file = "/proc/sys/kernel/random/boot_id"
        do { return try String(contentsOfFile: file, encoding: .utf8) } catch {
            throw ToolFailure(.io, "\(file) cannot be read: is /proc mounted?")
        }
    }

    /// Lets the process open as many descriptors as its hard limit allows: a connection is one.
    static func raiseDescriptorLimit(log: Logger) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            log.warning("the limit of open files stays low", metadata: ["errno": "\(errno)"])
        }
    }
}
