import Glibc
import Reactor
import System
import Testing

/// One reactor with what a conformance case needs: a directory, a registered region, a listener.
struct Machine<Ring: RingBackend & ~Copyable>: ~Copyable {
    static var regionBytes: Int { 1 << 20 }
    /// Nothing a case waits for takes this long; it ends a case that would hang. Nanoseconds.
    static var patience: UInt64 { 20_000_000_000 }

    var reactor: Reactor<Ring>
    let directory: Descriptor
    let region: BufferRegion
    /// Results by the argument they were started with; a notification is counted, not kept.
    private(set) var results: [UInt64: Int32] = [:]
    private(set) var order: [UInt64] = []
    private(set) var notifications: [UInt64] = []
    private(set) var copied = 0
    private var promised: Set<UInt64> = []
    private var lastArgument: UInt64 = 0

    init(ring: consuming Ring, directory: Descriptor) throws {
        // What may throw comes before the first stored property of a noncopyable value.
        let region = try BufferRegion(byteCount: Self.regionBytes)
        var ring = ring
        try ring.register(region: region.bytes)
        self.directory = directory
        self.region = region
        reactor = Reactor(ring: ring, operations: 4096, timers: 8)
    }

    /// A page-aligned address inside the registered region.
    func memory(_ offset: Int = 0) -> UnsafeMutableRawPointer {
        guard let base = region.bytes.baseAddress else { preconditionFailure("a mapped region") }
        return base + offset
    }

    /// Starts an operation.
    /// - Returns: what its result is found by.
    @discardableResult
    mutating func start(_ request: Request) -> UInt64 {
        lastArgument += 1
        tokens[lastArgument] = reactor.start(
            request, OperationContext(kind: 1, owner: 0, argument: lastArgument))
        return lastArgument
    }

    @discardableResult
    mutating func start(fill: (UnsafeMutableRawPointer) -> Request) -> UInt64 {
        lastArgument += 1
        tokens[lastArgument] = reactor.start(
            OperationContext(kind: 1, owner: 0, argument: lastArgument), fill: fill)
        return lastArgument
    }

    private(set) var tokens: [UInt64: OperationToken] = [:]

    mutating func cancel(_ argument: UInt64) {
        guard let token = tokens[argument] else { preconditionFailure("an operation of this case") }
        reactor.cancel(token)
    }

    /// One turn, without waiting for longer than `span`.
    mutating func turn(_ span: UInt64 = 1_000_000) {
        reactor.turn(waitUntil: reactor.now + span)
        while let event = reactor.next() {
            let argument = event.operation.argument
            if event.completion.isNotification {
                notifications.append(argument)
                copied += event.completion.wasCopied ? 1 : 0
            } else {
                results[argument] = event.result
                order.append(argument)
                if event.completion.hasMore { promised.insert(argument) }
            }
        }
    }

    /// Whether an operation's completion promised a notification.
    func hadMore(_ argument: UInt64) -> Bool { promised.contains(argument) }

    func isDone(_ argument: UInt64) -> Bool { results[argument] != nil }

    /// Waits for one operation's result.
    mutating func wait(for argument: UInt64) throws -> Int32 {
        let end = reactor.now + Self.patience
        while results[argument] == nil, reactor.now < end { turn() }
        return try #require(results[argument], "the operation never completed")
    }

    mutating func waitForNotification(of argument: UInt64) throws {
        let end = reactor.now + Self.patience
        while !notifications.contains(argument), reactor.now < end { turn() }
        try #require(notifications.contains(argument), "the notification never came")
    }

    mutating func run(_ request: Request) throws -> Int32 { try wait(for: start(request)) }

    mutating func run(fill: (UnsafeMutableRawPointer) -> Request) throws -> Int32 {
        try wait(for: start(fill: fill))
    }
}

extension Machine where Ring: ~Copyable {
    // MARK: Files

    mutating func open(_ name: String, _ flags: Int32) throws -> Int32 {
        let directory = directory
        return try run { scratch in
            .open(at: directory, path: Self.put(name, scratch), flags: flags, mode: 0o644)
        }
    }

    /// Opens what must be there.
    mutating func opened(_ name: String, _ flags: Int32) throws -> Descriptor {
        let index = try open(name, flags)
        try #require(index >= 0, "open \(name): \(errorText(-index))")
        return .fixed(index)
    }

    mutating func unlink(_ name: String) throws -> Int32 {
        let directory = directory
        return try run { .unlink(at: directory, path: Self.put(name, $0)) }
    }

    mutating func rename(
        _ from: String, _ target: String, replacing: Bool = true
    ) throws -> Int32 {
        let directory = directory
        return try run { scratch in
            .rename(
                at: directory, from: Self.put(from, scratch), to: Self.put(target, scratch + 96),
                replacing: replacing)
        }
    }

    private static func put(
        _ name: String, _ memory: UnsafeMutableRawPointer
    ) -> UnsafePointer<CChar> {
        let bytes = Array(name.utf8CString)
        bytes.withUnsafeBytes { memory.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        return UnsafePointer(memory.assumingMemoryBound(to: CChar.self))
    }

    mutating func close(_ descriptor: Descriptor) throws {
        let result = try run(.close(descriptor))
        #expect(result == 0, "close: \(errorText(-result))")
    }

    // MARK: Connections

    mutating func listen() throws -> (Descriptor, SocketAddress) {
        let wanted = try #require(SocketAddress(host: "127.0.0.1", port: 0))
        return try reactor.ring.listen(on: wanted, backlog: 64)
    }

    mutating func socket() throws -> Descriptor {
        let number = try run(.socket(family: AF_INET))
        try #require(number >= 0)
        return .plain(number)
    }

    mutating func startConnect(_ socket: Descriptor, _ address: SocketAddress) -> UInt64 {
        start { scratch in
            let place = scratch.bindMemory(to: SocketAddress.self, capacity: 1)
            place.initialize(to: address)
            return .connect(socket, address: UnsafePointer(place))
        }
    }

    mutating func startAccept(_ listener: Descriptor) -> UInt64 {
        start { scratch in
            let place = scratch.bindMemory(to: SocketAddress.self, capacity: 1)
            place.initialize(to: SocketAddress())
            return .accept(listener, address: place)
        }
    }

    /// A connection: the side that connected and the side that was accepted.
    mutating func connection() throws -> (client: Descriptor, server: Descriptor) {
        let (listener, address) = try listen()
        let accepting = startAccept(listener)
        let client = try socket()
        let connecting = startConnect(client, address)
        #expect(try wait(for: connecting) == 0)
        let server = try wait(for: accepting)
        try #require(server >= 0, "accept: \(errorText(-server))")
        try close(listener)
        return (client, .fixed(server))
    }
}
