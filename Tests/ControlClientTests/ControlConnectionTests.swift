import ControlClient
import FoundationEssentials
import System
import TestSupport
import Testing
import Wire

struct ControlConnectionTests {
    private let settings = ControlConnection.Settings(role: .client, software: "test 1")

    private func failure(_ body: () throws -> Void) -> ControlFailure? {
        do {
            try body()
            return nil
        } catch let failure as ControlFailure {
            return failure
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    private var statusRequest: ControlRequest {
        var request = ControlRequest()
        request.requestID = 9
        request.clusterStatus = ControlClusterStatus()
        return request
    }

    @Test func theGreetingIsKept() throws {
        let namenode = FakeNamenode { peer, _ in
            let hello = peer.greet()
            #expect(hello?.role == .client)
            #expect(hello?.software == "test 1")
            #expect(hello?.clusterID.isEmpty == true)
            #expect(hello?.protocolMin == 2 && hello?.protocolMax == 2)
        }
        let connection = try ControlConnection(namenode.endpoint, settings)
        #expect(connection.cluster == FakeNamenode.cluster)
        #expect(connection.version == 2)
        #expect(connection.challenge == FakeNamenode.challenge)
    }

    @Test func anotherClusterIsRefusedByEitherSide() {
        let other = ClusterID(high: 9, low: 9)
        var wanted = settings
        wanted.cluster = other
        // A namenode that does not look, and one that does.
        for code in [ControlCode.ok, .wrongCluster] {
            let namenode = FakeNamenode { peer, _ in _ = peer.greet { $0.code = code } }
            let failure = failure { _ = try ControlConnection(namenode.endpoint, wanted) }
            #expect(failure == .wrongCluster(expected: other, found: FakeNamenode.cluster))
        }
    }

    @Test func anotherVersionIsRefusedByEitherSide() {
        let refusing = FakeNamenode { peer, _ in
            _ = peer.greet {
                $0.code = .wrongVersion
                $0.message = "3 to 4"
            }
        }
        #expect(
            failure { _ = try ControlConnection(refusing.endpoint, settings) }
                == .wrongVersion("3 to 4"))
        let choosing = FakeNamenode { peer, _ in _ = peer.greet { $0.protocol = 3 } }
        guard
            case .wrongVersion = failure({
                _ = try ControlConnection(choosing.endpoint, settings)
            })
        else { return #expect(Bool(false), "version 3 was accepted") }
    }

    @Test func aGreetingWithoutAClusterIsMalformed() {
        let namenode = FakeNamenode { peer, _ in _ = peer.greet { $0.clusterID = Data([1]) } }
        guard case .malformed = failure({ _ = try ControlConnection(namenode.endpoint, settings) })
        else { return #expect(Bool(false), "a cluster id of one byte was accepted") }
    }

    @Test func aRefusalCarriesItsFacts() throws {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet()
            peer.serve { _ in
                var reply = ControlReply()
                reply.code = .tooFewNodes
                reply.message = "start more"
                reply.liveNodes = 1
                reply.neededNodes = 3
                return reply
            }
        }
        let connection = try ControlConnection(namenode.endpoint, settings)
        for _ in 0..<2 {
            let expected = ControlFailure.Refusal(
                code: .tooFewNodes, message: "start more", live: 1, needed: 3)
            #expect(failure { _ = try connection.call(statusRequest) } == .refused(expected))
        }
    }

    @Test("a namenode without a place says that it is busy", arguments: [false, true])
    func busy(afterHello: Bool) throws {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet {
                guard !afterHello else { return }
                $0.code = .busy
                $0.message = "no place"
            }
            guard peer.request() != nil else { return }
            var reply = ControlReply()
            reply.code = .busy
            reply.message = "no place"
            peer.send(reply)
        }
        let refused = failure {
            let connection = try ControlConnection(namenode.endpoint, settings)
            _ = try connection.call(statusRequest)
        }
        #expect(refused == .refused(.init(code: .busy, message: "no place")))
        #expect(refused?.kind == .retryLater)
    }

    @Test func answersInPiecesAreOneAnswer() throws {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet()
            guard let request = peer.request() else { return }
            var reply = ControlReply()
            reply.requestID = request.requestID
            reply.clusterStatus.keys = 77
            do {
                for byte in try ControlFrame.encode(reply) { peer.send([byte]) }
            } catch {
                Issue.record("\(error)")
            }
            _ = peer.body()
        }
        let connection = try ControlConnection(namenode.endpoint, settings)
        #expect(try connection.call(statusRequest).clusterStatus.keys == 77)
    }

    @Test(
        arguments: [
            [0xff, 0xff, 0xff, 0xff], [3, 0, 0, 0, 0xff, 0xff, 0xff], Array("HTTP/1.1 400".utf8),
        ] as [[UInt8]])
    func noiseIsMalformed(_ noise: [UInt8]) throws {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet()
            _ = peer.request()
            peer.send(noise)
            _ = peer.body()
        }
        let connection = try ControlConnection(namenode.endpoint, settings)
        guard case .malformed = failure({ _ = try connection.call(statusRequest) }) else {
            return #expect(Bool(false), "noise was taken for an answer")
        }
    }

    @Test func anotherRequestsAnswerIsMalformed() throws {
        for id: UInt64 in [0, 8] {
            let namenode = FakeNamenode { peer, _ in
                _ = peer.greet()
                _ = peer.request()
                var reply = ControlReply()
                reply.requestID = id
                peer.send(reply)
                _ = peer.body()
            }
            let connection = try ControlConnection(namenode.endpoint, settings)
            guard case .malformed = failure({ _ = try connection.call(statusRequest) }) else {
                return #expect(Bool(false), "request \(id)'s answer was taken for 9's")
            }
        }
    }

    @Test func silenceTimesOut() throws {
        let namenode = FakeNamenode { peer, number in
            if number == 0 { _ = peer.greet() }
            _ = peer.body()
            _ = peer.body()
        }
        var hasty = settings
        hasty.callMilliseconds = 50
        hasty.connectMilliseconds = 5_000
        let address = namenode.endpoint.description
        do {
            let connection = try ControlConnection(namenode.endpoint, hasty)
            #expect(
                failure { _ = try connection.call(statusRequest) }
                    == .timedOut(address: address, milliseconds: 50))
        }
        hasty.connectMilliseconds = 50
        #expect(
            failure { _ = try ControlConnection(namenode.endpoint, hasty) }
                == .timedOut(address: address, milliseconds: 50))
    }

    @Test func aClosedPortIsUnreachable() throws {
        // Bound by this very endpoint's owner, which then goes away.
        let gone = FakeNamenode { _, _ in }.endpoint
        guard
            case .unreachable(let address, let reason) = failure({
                _ = try ControlConnection(gone, settings)
            })
        else { return #expect(Bool(false), "\(gone) answered") }
        #expect(address == gone.description)
        #expect(!reason.isEmpty)
    }

    @Test func anUnknownNameIsNamed() {
        let endpoint = Endpoint(host: "no.such.name.invalid", port: 1)
        switch failure({ _ = try ControlConnection(endpoint, settings) }) {
        // Without a network the resolver cannot tell.
        case .unknownHost(let address, let reason), .unreachable(let address, let reason):
            #expect(address == endpoint.description && !reason.isEmpty)
        default: Issue.record("\(endpoint) answered")
        }
    }
}
