import Glibc
import Reactor
import System
import Testing

struct RefusedCase: ConformanceCase {
    var testDescription: String { "a connect to a port nobody listens on is refused" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (listener, address) = try machine.listen()
        try machine.close(listener)
        let socket = try machine.socket()
        let connecting = machine.startConnect(socket, address)
        #expect(try machine.wait(for: connecting) == -ECONNREFUSED)
        #expect(Outcome(-ECONNREFUSED) == .disconnected(ECONNREFUSED))
        try machine.close(socket)
    }
}

struct UnconnectedCase: ConformanceCase {
    var testDescription: String { "an unconnected socket moves no bytes" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let socket = try machine.socket()
        let memory = machine.memory()
        #expect(
            try machine.run(.receive(socket, memory, count: 10, waitAll: false)) == -ENOTCONN)
        #expect(try machine.run(.shutdown(socket, sendingOnly: false)) == -ENOTCONN)
        try machine.close(socket)
    }
}

struct PeerAddressCase: ConformanceCase {
    var testDescription: String { "accept tells the peer's address" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (listener, address) = try machine.listen()
        let place = UnsafeMutablePointer<SocketAddress>.allocate(capacity: 1)
        defer { place.deallocate() }
        place.initialize(to: SocketAddress())
        let accepting = machine.start(.accept(listener, address: place))
        let client = try machine.socket()
        let connecting = machine.startConnect(client, address)
        #expect(try machine.wait(for: connecting) == 0)
        let server = try machine.wait(for: accepting)
        #expect(server >= 0)
        #expect(place.pointee.family == AF_INET)
        #expect(place.pointee.port != 0)
        #expect(place.pointee.text != address.text)
        try machine.close(.fixed(server))
        try machine.close(client)
        try machine.close(listener)
    }
}

struct DisconnectCase: ConformanceCase {
    var testDescription: String { "disconnect drops what is queued and resets the peer" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        // The peer reads nothing, so this one never ends by itself, nor is its memory let go.
        let count = 1 << 14
        var sending: [UInt64] = []
        var isStuck = false
        for _ in 0..<2_000 where !isStuck {
            let one = machine.start(
                .sendZeroCopy(client, machine.memory(), count: count, registered: false))
            sending.append(one)
            for _ in 0..<50 where !machine.isDone(one) { machine.turn() }
            isStuck = !machine.isDone(one)
        }
        #expect(isStuck, "a peer that reads nothing stops the sender")
        #expect(try machine.run(.disconnect(client)) == 0)
        for one in sending {
            _ = try machine.wait(for: one)
            if machine.hadMore(one) { try machine.waitForNotification(of: one) }
        }
        #expect(machine.reactor.operations.active <= 1)
        try machine.close(client)
        try machine.close(server)
    }
}

struct PlainAcceptCase: ConformanceCase {
    var testDescription: String { "acceptPlain gives a descriptor of the process" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (listener, address) = try machine.listen()
        let accepting = machine.start { scratch in
            let place = scratch.bindMemory(to: SocketAddress.self, capacity: 1)
            place.initialize(to: SocketAddress())
            return .acceptPlain(listener, address: place)
        }
        let client = try machine.socket()
        let connecting = machine.startConnect(client, address)
        #expect(try machine.wait(for: connecting) == 0)
        let number = try machine.wait(for: accepting)
        // Descriptors 0 to 2 are taken in every process; a fixed table begins at 0.
        try #require(number > 2, "accept: \(errorText(-number))")
        let server = Descriptor.plain(number)
        let memory = machine.memory()
        #expect(try machine.run(.send(client, memory, count: 100, more: false)) == 100)
        #expect(try machine.run(.receive(server, memory, count: 100, waitAll: true)) == 100)
        try machine.close(server)
        #expect(try machine.run(.receive(client, memory, count: 1, waitAll: true)) == 0)
        try machine.close(client)
        try machine.close(listener)
    }
}

struct ResetCase: ConformanceCase {
    var testDescription: String { "closing with unread bytes resets the peer" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let memory = machine.memory()
        #expect(try machine.run(.send(client, memory, count: 1000, more: false)) == 1000)
        // One byte read shows that the bytes are there.
        let target = machine.memory(8192)
        #expect(try machine.run(.receive(server, target, count: 1, waitAll: true)) == 1)
        let waiting = machine.start(
            .receive(client, machine.memory(4096), count: 10, waitAll: true))
        try machine.close(server)
        #expect(try machine.wait(for: waiting) == -ECONNRESET)
        #expect(try machine.run(.send(client, memory, count: 10, more: false)) == -EPIPE)
        try machine.close(client)
    }
}

struct ShutdownCase: ConformanceCase {
    var testDescription: String { "shutdown ends a waiting receive, on both sides" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let here = machine.start(.receive(client, machine.memory(), count: 10, waitAll: true))
        let there = machine.start(.receive(server, machine.memory(4096), count: 10, waitAll: true))
        machine.turn()
        #expect(try machine.run(.shutdown(client, sendingOnly: false)) == 0)
        #expect(try machine.wait(for: here) == 0)
        #expect(try machine.wait(for: there) == 0)
        #expect(
            try machine.run(.send(client, machine.memory(), count: 1, more: false)) == -EPIPE)
        try machine.close(client)
        try machine.close(server)
    }
}

struct ShutdownSendingCase: ConformanceCase {
    var testDescription: String { "shutdown of the sending half goes on receiving" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        #expect(try machine.run(.shutdown(client, sendingOnly: true)) == 0)
        #expect(
            try machine.run(.receive(server, machine.memory(), count: 10, waitAll: false)) == 0)
        #expect(try machine.run(.send(server, machine.memory(), count: 7, more: false)) == 7)
        let target = machine.memory(4096)
        #expect(try machine.run(.receive(client, target, count: 7, waitAll: true)) == 7)
        #expect(
            try machine.run(.send(client, machine.memory(), count: 1, more: false)) == -EPIPE)
        try machine.close(client)
        try machine.close(server)
    }
}

struct CancelCase: ConformanceCase {
    var testDescription: String { "a cancelled receive completes with ECANCELED" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let waiting = machine.start(.receive(server, machine.memory(), count: 10, waitAll: true))
        machine.turn()
        machine.cancel(waiting)
        #expect(try machine.wait(for: waiting) == -ECANCELED)
        #expect(Outcome(-ECANCELED) == .cancelled)
        // The socket goes on.
        #expect(try machine.run(.send(client, machine.memory(4096), count: 5, more: false)) == 5)
        #expect(
            try machine.run(.receive(server, machine.memory(), count: 5, waitAll: true)) == 5)
        // What has ended cannot be cancelled, and nothing comes of trying.
        machine.cancel(waiting)
        #expect(try machine.run(.nop) == 0)
        try machine.close(client)
        try machine.close(server)
    }
}

struct CancelAcceptCase: ConformanceCase {
    var testDescription: String { "a cancelled accept completes with ECANCELED" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (listener, _) = try machine.listen()
        let accepting = machine.startAccept(listener)
        machine.turn()
        machine.cancel(accepting)
        #expect(try machine.wait(for: accepting) == -ECANCELED)
        try machine.close(listener)
    }
}

struct CloseWhileReceivingCase: ConformanceCase {
    var testDescription: String { "a close leaves the connection up until its last operation ends" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let waiting = machine.start(.receive(server, machine.memory(), count: 4, waitAll: true))
        machine.turn()
        try machine.close(server)
        // Its number is gone at once.
        #expect(
            try machine.run(.receive(server, machine.memory(8192), count: 1, waitAll: false))
                == -EBADF)
        #expect(try machine.run(.send(client, machine.memory(4096), count: 4, more: false)) == 4)
        #expect(try machine.wait(for: waiting) == 4)
        // Now it ended, and the peer hears so.
        #expect(
            try machine.run(.receive(client, machine.memory(), count: 4, waitAll: true)) == 0)
        try machine.close(client)
    }
}

struct FixedTableCase: ConformanceCase {
    var testDescription: String { "closing frees a fixed file for the next accept" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (first, one) = try machine.connection()
        let (second, two) = try machine.connection()
        #expect(one.isFixed && two.isFixed && one != two)
        try machine.close(one)
        try machine.close(first)
        let (third, three) = try machine.connection()
        #expect(three == one)
        for descriptor in [second, two, third, three] { try machine.close(descriptor) }
    }
}

struct FullTableCase: ConformanceCase {
    var testDescription: String { "a full table of fixed files refuses with ENFILE" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let name = "many"
        let first = try machine.opened(name, O_CREAT | O_RDWR)
        var open = [first]
        while open.count < 256 { open.append(try machine.opened(name, O_RDONLY)) }
        #expect(Set(open).count == 256)
        #expect(try machine.open(name, O_RDONLY) == -ENFILE)
        for descriptor in open { try machine.close(descriptor) }
        #expect(try machine.unlink(name) == 0)
    }
}
