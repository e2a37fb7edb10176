import CURing
import Glibc
import Reactor

/// Sequential throughput of a directory's device as a datanode uses it: 512 KiB, eight in flight,
/// direct, from registered memory. The file goes with its owner.
struct DeviceBench: ~Copyable {
    enum Pass { case freshWrite, rewrite, read }

    static let unit = 512 << 10
    static let depth = 8

    private let file: Int32
    private let path: String
    private let span: UInt64
    private let most: Int
    private let written: UnsafeMutablePointer<Int>
    private static let name = ".catena-probe-data"

    init(
        _ directory: Int32, _ path: String, _ facts: DeviceFacts, seconds: Double
    ) throws(StartFailure) {
        let flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC
        let file = openat(
            directory, Self.name, flags | (facts.isDirect ? CURING_O_DIRECT : 0), 0o600)
        guard file >= 0 else { throw DataDirectory.refused("cannot write in", path, errno) }
        // Without a name from here on: it goes with the process, however that ends.
        unlinkat(directory, Self.name, 0)
        self.file = file
        self.path = path
        span = UInt64(seconds * 1_000_000_000)
        // A quarter of what is free: a probe fills no device.
        let units = min(facts.freeBytes / 4, 32 << 30) / UInt64(Self.unit)
        most = max(Self.depth, Int(units)) * Self.unit
        written = .allocate(capacity: 1)
        written.initialize(to: 0)
    }

    deinit {
        close(file)
        written.deallocate()
    }

    /// Bytes a second. The first pass is `freshWrite`; the others go over what it wrote.
    borrowing func run(_ pass: Pass) throws(StartFailure) -> Double {
        do throws(RingFailure) {
            return try measure(pass)
        } catch {
            guard error.errno != 0 else { throw StartFailure(.directory, error.description) }
            throw DataDirectory.refused("cannot use", path, error.errno)
        }
    }

    private borrowing func measure(_ pass: Pass) throws(RingFailure) -> Double {
        var settings = KernelRing.Settings()
        settings.submissions = 32
        settings.completions = 64
        settings.files = 8
        var ring = try KernelRing(settings)
        let region = try BufferRegion(byteCount: Self.depth * Self.unit)
        try ring.register(region: region.bytes)
        let base = region.bytes.baseAddress.unsafelyUnwrapped
        base.initializeMemory(as: UInt8.self, repeating: 0x5a, count: Self.depth * Self.unit)
        let size = pass == .freshWrite ? most : written.pointee
        guard size > 0 else { return 0 }
        let start = ring.now
        var next = 0
        var done = 0
        var inFlight = 0
        var free = Array(0..<Self.depth)
        while true {
            let isOver = ring.now - start >= span || (pass == .freshWrite && next >= size)
            if isOver && inFlight == 0 { break }
            while !isOver, let slot = free.popLast() {
                let request = Self.request(pass, file, base + slot * Self.unit, at: next % size)
                let token = OperationToken(kind: 1, generation: 1, slot: UInt32(slot))
                precondition(ring.prepare(request, token: token), "a ring has room for its depth")
                inFlight += 1
                next += Self.unit
                if pass == .freshWrite, next >= size { break }
            }
            try ring.submit(until: ring.now + 100_000_000)
            var completion = Completion(token: .nobody, result: 0)
            while ring.reap(into: &completion, limit: 1) == 1 {
                guard completion.result == Int32(Self.unit) else {
                    throw RingFailure(
                        errno: completion.result < 0 ? -completion.result : EIO, "the device failed"
                    )
                }
                inFlight -= 1
                done += Self.unit
                free.append(Int(completion.token.slot))
            }
        }
        if pass == .freshWrite { written.pointee = next }
        return Double(done) / (Double(ring.now - start) / 1_000_000_000)
    }

    private static func request(
        _ pass: Pass, _ file: Int32, _ memory: UnsafeMutableRawPointer, at offset: Int
    ) -> Request {
        pass == .read
            ? .read(
                .plain(file), memory, count: unit, offset: UInt64(offset), registered: true)
            : .write(
                .plain(file), memory, count: unit, offset: UInt64(offset), registered: true)
    }
}
