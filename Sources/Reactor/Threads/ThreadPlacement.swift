import CURing
import Glibc
import System

/// Where threads may run.
public enum ThreadPlacement {
    /// More CPUs than a kernel is built for here.
    static let limit = 1024

    /// The CPUs that the calling thread may use, ascending.
    public static func allowed() -> [Int] {
        var mask = [UInt](repeating: 0, count: limit / UInt.bitWidth)
        guard curing_get_affinity(&mask, UInt(limit / 8)) > 0 else { return [] }
        return (0..<limit).filter { mask[$0 / UInt.bitWidth] & (1 << ($0 % UInt.bitWidth)) != 0 }
    }

    /// Keeps the calling thread on `cpus` from now on; none means wherever it may be.
    public static func run(on cpus: [Int]) throws(RingFailure) {
        guard !cpus.isEmpty else { return }
        var mask = [UInt](repeating: 0, count: limit / UInt.bitWidth)
        for cpu in cpus where cpu < limit {
            mask[cpu / UInt.bitWidth] |= 1 << (cpu % UInt.bitWidth)
        }
        guard curing_set_affinity(mask, UInt(limit / 8)) == 0 else {
            let number = errno
            throw RingFailure(
                errno: number,
                "cannot run on CPU \(cpus.map(String.init).joined(separator: ",")) "
                    + "(\(errorText(number))): name CPUs that this process may use "
                    + "(Cpus_allowed_list in /proc/self/status)")
        }
    }
}
