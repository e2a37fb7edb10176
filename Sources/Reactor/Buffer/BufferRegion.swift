import Glibc
import System

/// Page-aligned memory from the system, given back when its owner ends.
///
/// Every page is touched by the thread that makes it, so that it lies on that thread's NUMA node
/// (mbind.2, MPOL_LOCAL): pin the thread first.
public struct BufferRegion: ~Copyable {
    public enum Pages: String, Sendable {
        /// 4 KiB.
        case normal
        /// 2 MiB where the kernel finds them (madvise.2, MADV_HUGEPAGE).
        case transparent
        /// 2 MiB out of the system's reserve (vm.nr_hugepages).
        case huge
    }

    public let bytes: UnsafeMutableRawBufferPointer
    public let pages: Pages
    private let mappedBytes: Int

    static let hugePageBytes = 2 << 20

    /// Maps and touches `count` bytes, so that a machine that cannot give them says so at start and
    /// not under load.
    /// - Parameter hugePages: asks for huge pages; without enough of them, `pages` says what it is
    ///   instead.
    public init(byteCount count: Int, hugePages: Bool = false) throws(RingFailure) {
        precondition(count > 0, "a region holds something")
        let rounded = (count + Self.hugePageBytes - 1) / Self.hugePageBytes * Self.hugePageBytes
        if hugePages, let memory = Self.map(rounded, MAP_HUGETLB | MAP_POPULATE) {
            self.init(memory, count, mapped: rounded, .huge)
            return
        }
        guard let memory = Self.map(count, hugePages ? 0 : MAP_POPULATE) else {
            throw RingFailure(
                errno: errno,
                "cannot map \(count >> 20) MiB of buffers (\(errorText(errno))): set fewer buffers")
        }
        guard hugePages else {
            self.init(memory, count, mapped: count, .normal)
            return
        }
        let isTransparent = madvise(memory, count, MADV_HUGEPAGE) == 0
        for offset in stride(from: 0, to: count, by: 4096) {
            memory.storeBytes(of: 0, toByteOffset: offset, as: UInt8.self)
        }
        self.init(memory, count, mapped: count, isTransparent ? .transparent : .normal)
    }

    private init(
        _ memory: UnsafeMutableRawPointer, _ count: Int, mapped: Int, _ pages: Pages
    ) {
        bytes = UnsafeMutableRawBufferPointer(start: memory, count: count)
        mappedBytes = mapped
        self.pages = pages
    }

    private static func map(_ count: Int, _ flags: Int32) -> UnsafeMutableRawPointer? {
        let memory = mmap(
            nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0)
        return memory == MAP_FAILED ? nil : memory
    }

    deinit { munmap(bytes.baseAddress, mappedBytes) }
}
