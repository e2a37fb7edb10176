import Glibc

/// Page-aligned memory, mapped and touched before anything is measured, cut into slots of one
/// packet each.
struct Arena: ~Copyable {
    let bytes: UnsafeMutableRawBufferPointer
    let packet: Int

    init(packet: Int, slots: Int) throws(RoofFailure) {
        let count = packet * slots
        let memory = mmap(
            nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            throw RoofFailure("mapping \(count) bytes", errno: errno)
        }
        bytes = UnsafeMutableRawBufferPointer(start: memory, count: count)
        self.packet = packet
        // Not zeros: a device or a file system may have a short cut for those.
        for index in 0..<count { bytes[index] = UInt8(truncatingIfNeeded: index &* 167 &+ 13) }
    }

    deinit { munmap(bytes.baseAddress, bytes.count) }

    func slot(_ index: Int) -> UnsafeMutableRawPointer {
        precondition(index >= 0 && (index + 1) * packet <= bytes.count, "a slot of this arena")
        return bytes.baseAddress.unsafelyUnwrapped + index * packet
    }
}
