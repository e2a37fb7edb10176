import ControlClient
import FoundationEssentials
import Synchronization
import TestSupport
import Testing
import Wire

struct ControlCallerTests {
    private let retry = ControlCaller.Retry(
        totalMilliseconds: 20_000, pause: 1, longestPause: 2)
    private let settings = ControlConnection.Settings(role: .client)
    private let status = ControlRequest.OneOf_Operation.clusterStatus(ControlClusterStatus())

    /// Closes the connection on the first `losses` requests, answers the ones after them.
    private func losing(_ losses: Int) -> FakeNamenode {
        FakeNamenode { peer, number in
            guard peer.greet() != nil else { return }
            if number < losses {
                _ = peer.request()
            } else {
                peer.serve { _ in ControlReply() }
            }
        }
    }

    @Test func aLostAnswerIsAskedForAgainUnderTheSameId() throws {
        let namenode = losing(2)
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        _ = try caller.call(status)
        _ = try caller.call(status)
        #expect(namenode.requests.map(\.requestID) == [1, 1, 1, 2])
        #expect(namenode.requests.allSatisfy { Array($0.clientID) == caller.client.bytes })
    }

    @Test("what time can mend is waited for, what it cannot is told")
    func whatIsWaitedFor() {
        let refused = { (code: ControlCode) in
            ControlFailure.refused(.init(code: code, message: ""))
        }
        let passing: [ControlFailure] = [
            .unreachable(address: "a:1", reason: "Connection refused"),
            .unreachable(address: "a:1", reason: "Connection reset by peer"),
            .timedOut(address: "a:1", milliseconds: 5), refused(.busy), refused(.tooFewNodes),
            refused(.notDurable),
        ]
        let lasting: [ControlFailure] = [
            refused(.notFound), refused(.exists), refused(.leased), refused(.badKey),
            refused(.leaseExpired), refused(.noSpace), refused(.blockMismatch),
            refused(.badSecret), refused(.malformed), refused(.internal),
            .wrongCluster(expected: .none, found: .none), .wrongVersion("9"),
        ]
        for failure in passing {
            #expect(failure.canPass(wasAnswered: false) && failure.canPass(wasAnswered: true))
        }
        for failure in lasting {
            #expect(!failure.canPass(wasAnswered: false) && !failure.canPass(wasAnswered: true))
        }
        // A wrong address; of a namenode that answered there before, something that passes.
        let odd: [ControlFailure] = [
            .unknownHost(address: "a:1", reason: "no such name"), .malformed("odd"),
        ]
        for failure in odd {
            #expect(!failure.canPass(wasAnswered: false) && failure.canPass(wasAnswered: true))
        }
    }

    @Test("a last try that was cut short says less than the refusal before it")
    func whatIsTold() {
        let busy = ControlFailure.refused(.init(code: .busy, message: ""))
        let cut = ControlFailure.timedOut(address: "a:1", milliseconds: 5)
        let silence = ControlFailure.timedOut(address: "a:1", milliseconds: 15_000)
        var retry = CallRetry(pause: 1, longest: 2)
        #expect(retry.told(cut) == cut, "nothing was refused")
        _ = retry.pause(after: busy, wasAnswered: true)
        _ = retry.pause(after: cut, wasAnswered: true)
        #expect(retry.told(cut) == busy)
        #expect(retry.told(silence) == silence)
    }

    @Test("the pause doubles up to its bound")
    func pauses() {
        var again = CallRetry(pause: 50, longest: 300)
        let failure = ControlFailure.timedOut(address: "a:1", milliseconds: 5)
        let pauses = (0..<5).map { _ in again.pause(after: failure, wasAnswered: false) }
        #expect(pauses == [50, 100, 200, 300, 300])
    }

    @Test func aNamenodeThatIsBeingStartedIsWaitedFor() throws {
        let connections = Mutex(0)
        let namenode = FakeNamenode { peer, _ in
            connections.withLock { $0 += 1 }
            _ = peer.greet()
            for code in [ControlCode.tooFewNodes, .busy, .ok] {
                guard let request = peer.request() else { return }
                var reply = ControlReply()
                reply.requestID = request.requestID
                reply.code = code
                peer.send(reply)
            }
        }
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        _ = try caller.call(status)
        #expect(namenode.requests.map(\.requestID) == [1, 1, 1])
        // Over one connection: a refusal is an answer.
        #expect(connections.withLock { $0 } == 1)
    }

    @Test func whoCanDoOtherwiseHearsARefusalAtOnce() {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet()
            peer.serve { _ in
                var reply = ControlReply()
                reply.code = .tooFewNodes
                return reply
            }
        }
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        #expect(throws: ControlFailure.self) {
            try caller.call(status, waitsForRefusals: false)
        }
        #expect(namenode.requests.count == 1)
    }

    @Test func whoWaitsLongIsTold() {
        let told = Mutex<[ControlFailure]>([])
        let namenode = losing(1_000)
        var patient = ControlCaller.Retry(totalMilliseconds: 1_500, pause: 20, longestPause: 20)
        patient.waiting = { failure in told.withLock { $0.append(failure) } }
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: patient)
        #expect(throws: ControlFailure.self) { try caller.call(status) }
        #expect(told.withLock(\.count) == 1)
    }

    @Test func aNamenodeThatOnceAnsweredIsAskedUntilTheDeadline() throws {
        let namenode = FakeNamenode { peer, number in
            guard peer.greet() != nil else { return }
            if (1...10).contains(number) {
                _ = peer.request()
            } else if number == 0 {
                guard let request = peer.request() else { return }
                var reply = ControlReply()
                reply.requestID = request.requestID
                peer.send(reply)
            } else {
                peer.serve { _ in ControlReply() }
            }
        }
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        _ = try caller.call(status)
        _ = try caller.call(status)
        #expect(namenode.requests.map(\.requestID) == [1] + Array(repeating: 2, count: 11))
    }

    @Test func theTotalDeadlineEndsTheTries() {
        let namenode = losing(1_000)
        let hasty = ControlCaller.Retry(
            totalMilliseconds: 60, pause: 20, longestPause: 20)
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: hasty)
        #expect(throws: ControlFailure.self) { try caller.call(status) }
        #expect(namenode.requests.count <= 4)
    }

    @Test func aRefusalIsNotAskedAgain() {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet()
            peer.serve { _ in
                var reply = ControlReply()
                reply.code = .exists
                return reply
            }
        }
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        #expect(throws: ControlFailure.refused(.init(code: .exists, message: ""))) {
            try caller.call(status)
        }
        #expect(namenode.requests.count == 1)
    }

    @Test func aClusterThatChangedIsNoticed() throws {
        let other = ClusterID(high: 5, low: 5)
        let namenode = FakeNamenode { peer, number in
            _ = peer.greet { if number > 0 { $0.clusterID = Data(other.bytes) } }
            if number == 0, let request = peer.request() {
                var reply = ControlReply()
                reply.requestID = request.requestID
                peer.send(reply)
            }
        }
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        _ = try caller.call(status)
        caller.disconnect()
        #expect(
            throws: ControlFailure.wrongCluster(expected: FakeNamenode.cluster, found: other)
        ) { try caller.call(status) }
    }

    @Test func theClusterIsLearnedOnce() throws {
        let namenode = losing(0)
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        #expect(try caller.cluster() == FakeNamenode.cluster)
        #expect(namenode.requests.isEmpty)
    }

    @Test func threadsTakeTurns() async {
        let namenode = losing(0)
        let caller = ControlCaller(namenode.endpoint, settings: settings, retry: retry)
        let operation = status
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    do { _ = try caller.call(operation) } catch { Issue.record("\(error)") }
                }
            }
        }
        #expect(namenode.requests.map(\.requestID) == Array(1...8))
    }
}
