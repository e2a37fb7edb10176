import Control
import Foundation
import Glibc
import Logging
import System
import ToolSupport
import Wire

/// Puts the namenode together and waits for its end.
enum NamenodeService {
    /// Listener, epoll, database and what Dispatch needs, without one connection.
    static let ownDescriptors = 24
    /// Dispatch's, for the server's queue, the store's and their timers.
    static let ownThreads = 8

    static func server(
        _ directory: NamespaceDirectory, settings: NamenodeSettings, map: LocationMap,
        store: NamespaceOverlay, faults: FaultPoint?, log: Logger
    ) -> NamenodeServer {
        let namenode = Namenode(
            cluster: directory.cluster, secret: directory.secret, settings: settings,
            locations: map, now: BootClock.milliseconds,
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

    /// Descriptors for other things than connections: the database, the log, the listener.
    private static let otherDescriptors = 64

    /// Lets the process open as many descriptors as its hard limit allows.
    /// - Returns: how many of them may be connections: one that is over the process's limit cannot
    ///   even be refused.
    static func connections(atMost wanted: Int, log: Logger) -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(files, &limit) == 0 else { return wanted }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        let allowed = setrlimit(files, &limit) == 0 ? limit.rlim_max : soft
        let fitting = min(wanted, max(8, Int(clamping: allowed) - otherDescriptors))
        if fitting < wanted {
            log.warning(
                "the limit of open files allows fewer connections",
                metadata: ["files": "\(allowed)", "connections": "\(fitting)"])
        }
        return fitting
    }
}
