import Glibc
import Reactor

/// What a host gives a datanode, found out by doing it once.
public enum HostProbe {
    public struct Ring: Sendable {
        public let registeredBytes: Int
        /// Operations beyond the baseline that this kernel has.
        public let optional: [String]
    }

    public struct Device: Sendable {
        public let isDirect: Bool
        public let freeBytes: UInt64
        /// Microseconds of a 4 KiB write with fdatasync.
        public let syncMicroseconds: (p50: Double, max: Double)
    }

    /// Makes a ring with a datanode's settings and registers its buffers.
    public static func ring(buffers budget: Budget) throws(StartFailure) -> Ring {
        do throws(RingFailure) {
            var ring = try KernelRing()
            let region = try BufferRegion(byteCount: budget.regionBytes)
            try ring.register(region: region.bytes)
            return Ring(registeredBytes: budget.regionBytes, optional: ring.optionalOperations)
        } catch {
            throw StartFailure(.system, error.description)
        }
    }

    static let syncs = 100

    /// Writes and syncs one page a hundred times in a directory that exists; nothing is left in it.
    public static func device(_ path: String) throws(StartFailure) -> Device {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw DataDirectory.refused("cannot open", path, errno) }
        defer { close(directory) }
        let isDirect = try DataDirectory.probe(directory, path)
        let page = UnsafeMutableRawPointer.allocate(byteCount: 4096, alignment: 4096)
        defer { page.deallocate() }
        page.initializeMemory(as: UInt8.self, repeating: 1, count: 4096)
        let name = ".catena-probe"
        let file = openat(directory, name, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw DataDirectory.refused("cannot write in", path, errno) }
        defer {
            close(file)
            unlinkat(directory, name, 0)
        }
        var times: [Double] = []
        for _ in 0..<syncs {
            let start = MonotonicClock.nanoseconds
            guard pwrite(file, page, 4096, 0) == 4096, fdatasync(file) == 0 else {
                throw DataDirectory.refused("cannot write in", path, errno)
            }
            times.append(Double(MonotonicClock.nanoseconds - start) / 1_000)
        }
        times.sort()
        return Device(
            isDirect: isDirect, freeBytes: DataDirectory.space(of: directory).free,
            syncMicroseconds: (times[syncs / 2], times[syncs - 1]))
    }
}
