import Glibc
import Reactor
import System

/// Reads what the kernel says of the host in /sys and /proc; what is not there is `nil`.
enum SystemFiles {
    /// A small file's text without the line end.
    static func text(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        let count = read(file, &bytes, bytes.count)
        guard count >= 0 else { return nil }
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        return String(text.reversed().drop { $0.isNewline || $0 == " " }.reversed())
    }

    /// Names a file system among those of all hosts, or 0: which device of which run of a kernel.
    static func fileSystem(of descriptor: Int32) -> UInt64 {
        var facts = stat()
        guard let boot = text("/proc/sys/kernel/random/boot_id"), fstat(descriptor, &facts) == 0
        else { return 0 }
        // FNV-1a: nobody gains by a number that is another's.
        return "\(boot) \(facts.st_dev)".utf8.reduce(0xcbf2_9ce4_8422_2325) { hash, byte in
            (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
    }

    static func number(_ path: String) -> Int? { text(path).flatMap { Int($0) } }

    /// The names in a directory, sorted; none when it is not there.
    static func names(_ path: String) -> [String] {
        guard let stream = opendir(path) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Where a link leads, with every link in it followed.
    static func target(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// CPUs by NUMA node.
    static func numaNodes() -> [Int: [Int]] {
        let root = "/sys/devices/system/node"
        var nodes: [Int: [Int]] = [:]
        for name in names(root) where name.hasPrefix("node") {
            guard let number = Int(name.dropFirst(4)),
                let cpus = text("\(root)/\(name)/cpulist").flatMap({ CPUList.parse($0) })
            else { continue }
            nodes[number] = cpus
        }
        return nodes
    }

    /// The NUMA node of the device below a /sys entry; the kernel says -1 where there is none.
    static func numaNode(of entry: String) -> Int? {
        guard var place = target(entry) else { return nil }
        while place.count > "/sys/devices".count {
            if let node = number(place + "/numa_node") { return node >= 0 ? node : nil }
            guard let slash = place.lastIndex(of: "/") else { return nil }
            place = String(place[..<slash])
        }
        return nil
    }

    /// The /sys entry of the block device that a path's file system is on.
    static func blockEntry(of path: String) -> String? {
        var state = stat()
        guard stat(path, &state) == 0 else { return nil }
        let major = (state.st_dev >> 8) & 0xfff
        let minor = (state.st_dev & 0xff) | ((state.st_dev >> 12) & 0xfff00)
        let entry = "/sys/dev/block/\(major):\(minor)"
        return isThere(entry) ? entry : nil
    }

    /// The network interface that has an address.
    static func interface(of address: SocketAddress) -> String? {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return nil }
        defer { freeifaddrs(list) }
        var entry = list
        while let current = entry {
            defer { entry = current.pointee.ifa_next }
            guard let bare = current.pointee.ifa_addr else { continue }
            let family = Int32(bare.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            var found = SocketAddress()
            let count =
                family == AF_INET
                ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            withUnsafeMutableBytes(of: &found.storage) {
                $0.copyMemory(from: UnsafeRawBufferPointer(start: bare, count: count))
            }
            if found.host == address.host { return String(cString: current.pointee.ifa_name) }
        }
        return nil
    }
}
