import Control
import Foundation
import Logging
import Synchronization
import System
import Testing
import Wire

@Suite("The server, over loopback sockets")
struct ServerTests {
    @discardableResult
    private func settings(_ edit: (inout NamenodeSettings) -> Void) -> NamenodeSettings {
        var settings = NamenodeSettings()
        edit(&settings)
        return settings
    }

    private func serve<Outcome>(
        timing: ServerTiming = ServerTiming(), _ settings: NamenodeSettings = NamenodeSettings(),
        _ body: (UInt16, NamenodeServer) throws -> Outcome
    ) throws -> Outcome {
        let namenode = Namenode(
            cluster: Desk.cluster, secret: Desk.secret, settings: settings,
            locations: LocationMap(), now: BootClock.milliseconds, generator: Seeded(1))
        let server = NamenodeServer(
            engine: Engine(namenode: namenode, store: try MemoryEngine().store()), timing: timing,
            log: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onFailure: { _ in Issue.record("the memory store failed") })
        let port = try server.start()
        let outcome = Result { try body(port, server) }
        let done = DispatchSemaphore(value: 0)
        server.stop { done.signal() }
        done.wait()
        return try outcome.get()
    }

    private var status: ControlRequest.OneOf_Operation { .clusterStatus(ControlClusterStatus()) }

    @Test func helloThenRequests() throws {
        try serve { port, _ in
            let peer = try Peer(port: port)
            let hello = try peer.greet()
            #expect(hello.code == .ok)
            #expect(hello.protocol == 2)
            #expect(hello.clusterID == Data(Desk.cluster.bytes))
            #expect(hello.challenge.count == 16)
            let reply = try peer.ask(status, id: 7)
            #expect(reply.code == .ok)
            #expect(reply.requestID == 7)
            #expect(reply.clusterStatus.clusterID == Data(Desk.cluster.bytes))
            #expect(try Peer(port: port).greet().challenge != hello.challenge)
        }
    }

    @Test func aDatanodeProvesTheSecretAndAClientWrites() throws {
        try serve(
            settings {
                $0.minNodes = 1
                $0.replicas = 1
            }
        ) { port, _ in
            let datanode = try Peer(port: port)
            let hello = try datanode.greet { $0.role = .datanode }
            let node = FakeNode(1)
            let register = node.register(challenge: Array(hello.challenge), secret: Desk.secret)
            #expect(try datanode.ask(.register(register)).code == .ok)
            let client = try Peer(port: port)
            _ = try client.greet()
            var create = ControlCreate()
            create.key = "a"
            let lease = try client.ask(.create(create), id: 1)
            #expect(lease.code == .ok)
            // A retry on another connection.
            let again = try Peer(port: port)
            _ = try again.greet()
            #expect(try again.ask(.create(create), id: 1) == lease)
        }
    }

    @Test(
        "a Hello that is refused",
        arguments: [
            (3, 4, ControlRole.client, [], ControlCode.wrongVersion),
            (1, 1, .client, [], .wrongVersion), (2, 2, .unspecified, [], .malformed),
            (2, 2, .client, [1, 2], .malformed),
            (2, 2, .client, [UInt8](repeating: 1, count: 16), .wrongCluster),
        ] as [(UInt32, UInt32, ControlRole, [UInt8], ControlCode)])
    func refused(
        least: UInt32, most: UInt32, role: ControlRole, cluster: [UInt8], code: ControlCode
    ) throws {
        try serve { port, _ in
            let peer = try Peer(port: port)
            let reply = try peer.greet {
                $0.protocolMin = least
                $0.protocolMax = most
                $0.role = role
                $0.clusterID = Data(cluster)
            }
            #expect(reply.code == code)
            #expect(!reply.message.isEmpty)
            #expect(try peer.isClosed())
        }
    }

    @Test(
        "a frame that ends its connection, before and after Hello",
        arguments: [
            [0x01, 0x00, 0x10, 0x00, 0x00], [0xff, 0xff, 0xff, 0xff],
            [0x04, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff], Array("GET / HTTP/1.1\r\n\r\n".utf8),
        ] as [[UInt8]], [false, true])
    func malformed(bytes: [UInt8], afterHello: Bool) throws {
        try serve { port, _ in
            let good = try Peer(port: port)
            _ = try good.greet()
            let peer = try Peer(port: port)
            if afterHello { _ = try peer.greet() }
            try peer.send(bytes)
            let reply = try peer.receiveReply()
            #expect(reply.code == .malformed)
            #expect(reply.requestID == 0)
            #expect(!reply.message.isEmpty)
            #expect(try peer.isClosed())
            #expect(try good.ask(status).code == .ok)
        }
    }

    @Test func aHelloGetsNoMoreRoomThanItNeeds() throws {
        try serve { port, _ in
            let peer = try Peer(port: port)
            try peer.send([0, 0, 1, 0] + [UInt8](repeating: 10, count: 8_000))
            #expect(try peer.receiveReply().code == .malformed)
            #expect(try peer.isClosed())
        }
    }

    @Test func anUnknownOperationIsAnsweredAndTheConnectionGoesOn() throws {
        try serve { port, _ in
            let peer = try Peer(port: port)
            _ = try peer.greet()
            var request = ControlRequest()
            request.requestID = 5
            try peer.send(ControlFrame.encode(request))
            let reply = try peer.receiveReply()
            #expect(reply.code == .malformed)
            #expect(reply.requestID == 5)
            #expect(try peer.ask(status).code == .ok)
        }
    }

    @Test func silentAndSlowPeersAreCutOff() throws {
        var timing = ServerTiming()
        timing.handshakeMs = 200
        timing.progressMs = 200
        timing.tickMs = 20
        try serve(timing: timing) { port, server in
            let silent = try Peer(port: port)
            let slow = try Peer(port: port)
            let patient = try Peer(port: port)
            _ = try slow.greet()
            _ = try patient.greet()
            try slow.send([9, 0, 0, 0, 1])
            #expect(try silent.isClosed())
            #expect(try slow.isClosed())
            #expect(try patient.ask(status).code == .ok)
            #expect(server.connectionCount == 1)
        }
    }

    @Test func anIdleConnectionIsCutOff() throws {
        var timing = ServerTiming()
        timing.idleMs = 200
        timing.tickMs = 20
        try serve(timing: timing) { port, _ in
            let peer = try Peer(port: port)
            _ = try peer.greet()
            #expect(try peer.isClosed())
        }
    }

    @Test func bytesMayComeOneByOneAndRequestsAllAtOnce() throws {
        try serve(settings { $0.bounds.requestsPerConnection = 4 }) { port, _ in
            let peer = try Peer(port: port)
            var hello = ControlHello()
            hello.protocolMin = 1
            hello.protocolMax = 9
            hello.role = .client
            for byte in try ControlFrame.encode(hello) { try peer.send([byte]) }
            #expect(
                try ControlFrame.decode(ControlHelloReply.self, from: peer.receive()).code == .ok)
            let numbers = 1...500 as ClosedRange<UInt64>
            try peer.send(try numbers.flatMap { try Peer.request(status, id: $0) })
            for number in numbers { #expect(try peer.receiveReply().requestID == number) }
        }
    }

    @Test func aPeerThatTakesNoAnswersHoldsUpNobodyElse() throws {
        try serve(settings { $0.bounds.replyBacklogBytes = 10_000 }) { port, _ in
            let greedy = try Peer(port: port)
            _ = try greedy.greet()
            let batch = try (1...200 as ClosedRange<UInt64>).flatMap {
                try Peer.request(status, id: $0)
            }
            for _ in 0..<20 { try greedy.send(batch) }
            let other = try Peer(port: port)
            _ = try other.greet()
            #expect(try other.ask(status).code == .ok)
            for _ in 0..<4_000 { #expect(try greedy.receiveReply().code == .ok) }
        }
    }

    /// 16 connections: 2 that arrive, 4 of datanodes, 10 of clients.
    private var few: NamenodeSettings { settings { $0.bounds.connections = 16 } }

    @Test func clientsBeyondTheirPlacesAreToldBusyWhileAllAreActive() throws {
        var timing = ServerTiming()
        timing.quietMs = 60_000
        try serve(timing: timing, few) { port, server in
            let clients = try (0..<10).map { _ in
                let client = try Peer(port: port)
                #expect(try client.greet().code == .ok)
                #expect(try client.ask(status).code == .ok)
                return client
            }
            let late = try Peer(port: port)
            let reply = try late.greet()
            #expect(reply.code == .busy)
            #expect(reply.message.contains("try again"))
            #expect(try late.isClosed())
            // A datanode has a place all the same, and keeps it.
            let datanode = try Peer(port: port)
            let hello = try datanode.greet { $0.role = .datanode }
            let register = FakeNode(1).register(
                challenge: Array(hello.challenge), secret: Desk.secret)
            #expect(try datanode.ask(.register(register)).code == .ok)
            for client in clients { #expect(try client.ask(status).code == .ok) }
            #expect(try datanode.ask(status).code == .ok)
        }
    }

    @Test func silentConnectionsGiveWay() throws {
        var timing = ServerTiming()
        timing.quietMs = 0
        try serve(timing: timing, few) { port, server in
            let datanode = try Peer(port: port)
            let hello = try datanode.greet { $0.role = .datanode }
            let register = FakeNode(1).register(
                challenge: Array(hello.challenge), secret: Desk.secret)
            #expect(try datanode.ask(.register(register)).code == .ok)
            var silent: [Peer] = []
            for number in 0..<60 {
                silent.append(try Peer(port: port))
                if number % 3 > 0 {
                    let role = number % 3 == 1 ? ControlRole.client : .datanode
                    #expect(try silent[number].greet { $0.role = role }.code == .ok)
                }
                let good = try Peer(port: port)
                #expect(try good.greet().code == .ok)
                #expect(try good.ask(status).code == .ok)
            }
            #expect(server.connectionCount <= 16)
            #expect(try datanode.ask(status).code == .ok)
        }
    }

    @Test func whoOnlySaysThatItIsADatanodeIsCutOff() throws {
        var timing = ServerTiming()
        timing.handshakeMs = 200
        timing.tickMs = 20
        try serve(timing: timing) { port, _ in
            let peer = try Peer(port: port)
            #expect(try peer.greet { $0.role = .datanode }.code == .ok)
            #expect(try peer.ask(status).code == .ok)
            #expect(try peer.isClosed())
        }
    }

    @Test func messagesThatAreStillArrivingAreBounded() throws {
        try serve(settings { $0.bounds.arrivingBytes = 100_000 }) { port, _ in
            let first = try Peer(port: port)
            let second = try Peer(port: port)
            _ = try first.greet()
            _ = try second.greet()
            let half = [0, 0, 8, 0] + [UInt8](repeating: 0, count: 60_000)
            try first.send(half)
            // Its answer to a whole message shows that the first's bytes have come in, or will.
            try second.send(half)
            let codes = [first, second].map { peer -> ControlCode in
                do { return try peer.receiveReply(patience: 1).code } catch { return .ok }
            }
            #expect(Set(codes) == [.ok, .busy])
        }
    }

    @Test func aThousandMalformedFramesBesideAGoodConnection() throws {
        let seed: UInt64 = 2
        print("malformed frames seed \(seed)")
        var generator = Seeded(seed)
        try serve { port, _ in
            let good = try Peer(port: port)
            _ = try good.greet()
            for number in 1...1_000 as ClosedRange<UInt64> {
                let peer = try Peer(port: port)
                if generator.next() % 2 == 0 { _ = try peer.greet() }
                let count = Int.random(in: 4...300, using: &generator)
                var bytes = (0..<count).map { _ in
                    UInt8.random(in: .min ... .max, using: &generator)
                }
                if generator.next() % 2 == 0 {
                    bytes.replaceSubrange(0..<4, with: [UInt8(count % 256), 0, 0, 0])
                }
                try peer.send(bytes)
                if number % 10 == 0 { #expect(try good.ask(status, id: number).code == .ok) }
            }
            #expect(try good.ask(status, id: 9_999).code == .ok)
        }
    }

    @Test func aPortInUseIsAFailureWithWords() throws {
        _ = try serve { port, _ in
            #expect(throws: SystemFailure.self) {
                _ = try serve(settings { $0.listenPort = port }) { _, _ in }
            }
        }
    }

    @Test func aStoppedServerClosesItsConnections() throws {
        let peer = try serve { port, _ in
            let peer = try Peer(port: port)
            _ = try peer.greet()
            return peer
        }
        #expect(try peer.isClosed())
    }
}
