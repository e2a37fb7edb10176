import Glibc
import Reactor

/// What a host gives a datanode, found out by doing it once.
public enum HostProbe {
    /// Makes a ring with a datanode's settings and registers its buffers.
    /// - Returns: their bytes.
    public static func ring(buffers budget: Budget) throws(StartFailure) -> Int {
        do throws(RingFailure) {
            var ring = try KernelRing(ReactorHost.ring(budget))
            let region = try BufferRegion(byteCount: budget.regionBytes)
            try ring.register(region: region.bytes)
            return budget.regionBytes
        } catch {
            throw StartFailure(.system, error.description)
        }
    }
}
