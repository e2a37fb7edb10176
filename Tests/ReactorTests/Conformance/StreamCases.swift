import Glibc
import Reactor
import Testing

struct NopCase: ConformanceCase {
    var testDescription: String { "nop completes with 0" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        #expect(try machine.run(.nop) == 0)
    }
}

struct AnswerCase: ConformanceCase {
    var testDescription: String { "answer completes with what it is given" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        guard try RingProbe.answersNops() else {
            return reportMissing("NOP with a given result (Linux 6.10)")
        }
        for result: Int32 in [1, 1 << 20, 0, -5] {
            #expect(try machine.run(.answer(result)) == result)
        }
    }
}

struct ByteStreamCase: ConformanceCase {
    var testDescription: String { "accept, connect, send, receive, end" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let text = machine.memory()
        for index in 0..<100 {
            text.storeBytes(of: UInt8(index), toByteOffset: index, as: UInt8.self)
        }
        let target = machine.memory(4096)
        let receiving = machine.start(.receive(server, target, count: 4096, waitAll: false))
        #expect(try machine.run(.send(client, text, count: 100, more: false)) == 100)
        #expect(try machine.wait(for: receiving) == 100)
        #expect(memcmp(text, target, 100) == 0)
        #expect(try machine.run(.shutdown(client, sendingOnly: false)) == 0)
        #expect(try machine.run(.receive(server, target, count: 4096, waitAll: false)) == 0)
        try machine.close(client)
        try machine.close(server)
    }
}

struct WaitAllCase: ConformanceCase {
    var testDescription: String { "a receive with waitAll waits for every byte, or the end" }

    func run<Ring: RingBackend & ~Copyable>(_ machine: inout Machine<Ring>) throws {
        let (client, server) = try machine.connection()
        let source = machine.memory()
        let target = machine.memory(8192)
        let receiving = machine.start(.receive(server, target, count: 8192, waitAll: true))
        #expect(try machine.run(.send(client, source, count: 5000, more: false)) == 5000)
        for _ in 0..<5 { machine.turn() }
        #expect(machine.results[receiving] == nil)
        #expect(try machine.run(.send(client, source, count: 3192, more: false)) == 3192)
        #expect(try machine.wait(for: receiving) == 8192)
        let second = machine.start(.receive(server, target, count: 8192, waitAll: true))
        #expect(try machine.run(.send(client, source, count: 7, more: false)) == 7)
        try machine.close(client)
        #expect(try machine.wait(for: second) == 7)
        #expect(try machine.run(.receive(server, target, count: 1, waitAll: true)) == 0)
        try machine.close(server)
    }
}
