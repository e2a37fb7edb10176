import CURing
import Glibc
import Reactor
import System

/// What a data directory's device is (/sys) and does (a file that is written and removed).
enum DeviceSurvey {
    static func facts(of path: String, seconds: Double) throws(StartFailure) -> DeviceFacts {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw DataDirectory.refused("cannot open", path, errno) }
        defer { close(directory) }
        var facts = DeviceFacts()
        facts.isDirect = try DataDirectory.probe(directory, path)
        facts.freeBytes = DataDirectory.space(of: directory).free
        describe(&facts, path)
        (facts.syncP50, facts.syncP99) = try syncs(directory, path)
        try measure(&facts, directory, path, seconds)
        return facts
    }

    private static func measure(
        _ facts: inout DeviceFacts, _ directory: Int32, _ path: String, _ seconds: Double
    ) throws(StartFailure) {
        let bench = try DeviceBench(directory, path, facts, seconds: seconds)
        facts.freshWrite = try bench.run(.freshWrite)
        facts.rewrite = try bench.run(.rewrite)
        facts.read = try bench.run(.read)
    }

    /// A partition's entry lies in its disk's.
    private static func describe(_ facts: inout DeviceFacts, _ path: String) {
        guard let entry = SystemFiles.blockEntry(of: path), var disk = SystemFiles.target(entry)
        else { return }
        if !SystemFiles.isThere(disk + "/queue"), let slash = disk.lastIndex(of: "/") {
            disk = String(disk[..<slash])
        }
        let name = disk.split(separator: "/").last.map(String.init)
        facts.name = name
        facts.isNVMe = name?.hasPrefix("nvme") == true
        facts.numaNode = SystemFiles.numaNode(of: disk)
        facts.queues = SystemFiles.names(disk + "/mq").count
        let queue = disk + "/queue"
        // A virtual disk's driver says so whatever is below it.
        let isVirtual = name?.hasPrefix("vd") == true || name?.hasPrefix("xvd") == true
        facts.isRotating = !isVirtual && SystemFiles.number(queue + "/rotational") == 1
        facts.requests = SystemFiles.number(queue + "/nr_requests") ?? 0
        facts.longestRequestKiB = SystemFiles.number(queue + "/max_sectors_kb") ?? 0
        facts.hasPollQueues = SystemFiles.number(queue + "/io_poll") == 1
        facts.isWriteBack = SystemFiles.text(queue + "/write_cache") == "write back"
    }

    private static let syncCount = 200

    /// Writes and syncs one page again and again.
    private static func syncs(
        _ directory: Int32, _ path: String
    ) throws(StartFailure) -> (p50: Double, p99: Double) {
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 1, count: 4096)
        let name = ".catena-probe-sync"
        let file = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DataDirectory.refused("cannot write in", path, errno) }
        unlinkat(directory, name, 0)
        defer { close(file) }
        var times: [Double] = []
        let end = MonotonicClock.nanoseconds + 3_000_000_000
        while times.count < syncCount, MonotonicClock.nanoseconds < end || times.count < 10 {
            let start = MonotonicClock.nanoseconds
            guard pwrite(file, page, 4096, 0) == 4096, fdatasync(file) == 0 else {
                throw DataDirectory.refused("cannot write in", path, errno)
            }
            times.append(Double(MonotonicClock.nanoseconds - start) / 1_000)
        }
        times.sort()
        return (times[times.count / 2], times[min(times.count - 1, times.count * 99 / 100)])
    }
}
