import Glibc
import Reactor
import System
import Testing

/// Bytes that a generator makes and checks as they pass, so that no transfer is kept whole.
struct Pattern {
    private var random: SimulationRandom

    init(seed: UInt64) { random = SimulationRandom(seed: seed) }

    mutating func fill(_ memory: UnsafeMutableRawPointer, count: Int) {
        for offset in 0..<count {
            memory.storeBytes(
                of: UInt8(truncatingIfNeeded: random.next()), toByteOffset: offset, as: UInt8.self)
        }
    }

    mutating func matches(_ memory: UnsafeRawPointer, count: Int) -> Bool {
        var same = true
        for offset in 0..<count {
            let expected = UInt8(truncatingIfNeeded: random.next())
            same = same && memory.load(fromByteOffset: offset, as: UInt8.self) == expected
        }
        return same
    }
}

/// Two megabytes through a socket that holds less, by a sender and a receiver that take what comes
/// and make again what was interrupted.
struct BigTransferCase: ConformanceCase {
    static let total = 2 << 20
    static let piece = 256 << 10

    var zeroCopy = false
    var testDescription: String { "a big transfer arrives whole" + (zeroCopy ? ", uncopied" : "") }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let source = machine.memory()
        let target = machine.memory(Self.piece)
        var outgoing = Pattern(seed: 7)
        var incoming = Pattern(seed: 7)
        var sent = 0
        var received = 0
        var queued = 0
        var base = 0
        var sending: UInt64?
        var receiving: UInt64?
        while received < Self.total {
            if sending == nil, sent < Self.total {
                if queued == 0 {
                    outgoing.fill(source, count: Self.piece)
                    queued = Self.piece
                    base = 0
                }
                sending =
                    zeroCopy
                    ? machine.start(
                        .sendZeroCopy(client, source + base, count: queued, registered: false))
                    : machine.start(.send(client, source + base, count: queued, more: false))
            }
            if receiving == nil {
                receiving = machine.start(
                    .receive(server, target, count: Self.piece, waitAll: false))
            }
            machine.turn()
            // The memory is ours again after the notification, which waits for the other side to
            // read.
            if let started = sending, let count = machine.results[started],
                !machine.hadMore(started) || machine.notifications.contains(started)
            {
                let moved = try Self.moved(count)
                base += moved
                queued -= moved
                sent += moved
                sending = nil
            }
            if let started = receiving, let count = machine.results[started] {
                let moved = try Self.moved(count)
                #expect(incoming.matches(target, count: moved) == true)
                received += moved
                receiving = nil
            }
        }
        try machine.close(client)
        try machine.close(server)
    }

    static func moved(_ result: Int32) throws -> Int {
        switch Outcome(result) {
        case .done(let count): return Int(count)
        case .again: return 0
        case .cancelled, .disconnected, .full, .failed:
            throw RingFailure(errno: -result, "a transfer failed: \(errorText(-result))")
        }
    }
}

struct ZeroCopyCase: ConformanceCase {
    var testDescription: String { "a zero-copy send completes and then gives its memory back" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let source = machine.memory()
        var pattern = Pattern(seed: 3)
        pattern.fill(source, count: 16384)
        let sending = machine.start(.sendZeroCopy(client, source, count: 16384, registered: false))
        let target = machine.memory(65536)
        #expect(try machine.run(.receive(server, target, count: 16384, waitAll: true)) == 16384)
        #expect(try machine.wait(for: sending) == 16384)
        #expect(machine.hadMore(sending) == true)
        try machine.waitForNotification(of: sending)
        var again = Pattern(seed: 3)
        #expect(again.matches(target, count: 16384) == true)
        #expect(machine.reactor.operations.active <= 1)
        try machine.close(client)
        try machine.close(server)
    }
}

struct ManyOperationsCase: ConformanceCase {
    var testDescription: String { "more operations than the submission queue holds all complete" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let started = (0..<1000).map { _ in machine.start(.nop) }
        for argument in started { #expect(try machine.wait(for: argument) == 0) }
        #expect(machine.reactor.counters.submissionQueueFull > 0)
    }
}

struct StaleTokenCase: ConformanceCase {
    var testDescription: String { "a completion that outlived its operation is ignored" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        // The ring is handed a token that the slab has taken back: as a late completion carries it.
        let context = OperationContext(kind: 9, owner: 0, argument: .max)
        let stale = machine.reactor.operations.begin(context, length: 0)
        machine.reactor.operations.end(stale)
        let fresh = machine.reactor.operations.begin(context, length: 0)
        #expect(fresh.slot == stale.slot && fresh.generation != stale.generation)
        let before = machine.reactor.counters.completions
        while !machine.reactor.ring.prepare(.nop, token: stale) { machine.turn() }
        let end = machine.reactor.now + Machine<Ring>.patience
        while machine.reactor.counters.completions == before, machine.reactor.now < end {
            machine.turn()
        }
        #expect(machine.reactor.counters.completions > before)
        #expect(machine.results[.max] == nil)
        #expect(machine.reactor.operations.find(fresh) != nil)
        machine.reactor.operations.end(fresh)
    }
}
