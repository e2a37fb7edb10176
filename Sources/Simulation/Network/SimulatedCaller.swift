import ControlClient
import Foundation
import Reactor
import Wire

/// A client's calls, as `ControlCaller` makes them: one at a time, the same request id again for as
/// long as `CallRetry` says, within a total time.
final class SimulatedCaller: ControlUser {
    enum Answer {
        case ok(ControlReply)
        case refused(ControlCode)
        /// No answer came: what was asked may have been done or not.
        case lost

        /// As `ControlCaller` says it.
        var result: Result<ControlReply, ControlFailure> {
            switch self {
            case .ok(let reply): .success(reply)
            case .refused(let code): .failure(.refused(.init(code: code, message: "\(code)")))
            case .lost: .failure(SimulatedCaller.silence)
            }
        }
    }

    private enum State {
        case idle
        case waiting(until: UInt64)
        case pausing(until: UInt64)
        case answered(Answer)
    }

    let client: ClientID
    private unowned let cluster: SimulatedCluster
    private let name: String
    private let retry = ControlCaller.Retry()
    private var state = State.idle
    private var line: ControlLine?
    private var request = ControlRequest()
    private var lastRequest: UInt64 = 0
    private var again: CallRetry
    private var waitsForRefusals = true
    private var wasAnswered = false
    private var end: UInt64 = 0
    /// One try, nanoseconds.
    private static let callTime: UInt64 = 10_000_000_000

    init(_ cluster: SimulatedCluster, name: String) {
        self.cluster = cluster
        self.name = name
        client = ClientID(using: &cluster.world.random)
        again = CallRetry(pause: retry.pause, longest: retry.longestPause)
    }

    private var now: UInt64 { cluster.world.time }

    var isIdle: Bool { if case .idle = state { true } else { false } }

    /// - Parameters:
    ///   - waitsForRefusals: refusals that may pass are waited for.
    ///   - within: all tries together, nanoseconds; `nil`: as `ControlCaller` says.
    func call(
        _ operation: ControlRequest.OneOf_Operation, waitsForRefusals: Bool = true,
        within: UInt64? = nil
    ) {
        precondition(isIdle, "one call at a time")
        lastRequest += 1
        request = ControlRequest()
        request.clientID = Data(client.bytes)
        request.requestID = lastRequest
        request.operation = operation
        again = CallRetry(pause: retry.pause, longest: retry.longestPause)
        self.waitsForRefusals = waitsForRefusals
        end = now + (within ?? UInt64(retry.totalMilliseconds) * 1_000_000)
        attempt()
    }

    /// What a finished call brought, once.
    func takeAnswer() -> Answer? {
        guard case .answered(let answer) = state else { return nil }
        state = .idle
        return answer
    }

    private func attempt() {
        if line == nil { line = cluster.network.connect(self, caller: name, role: .client) }
        guard let line else { return failed(Self.silence) }
        cluster.network.send(request, on: line)
        state = .waiting(until: min(end, now + Self.callTime))
    }

    private static let silence = ControlFailure.unreachable(
        address: SimulatedNamenode.name, reason: "no answer")

    private func failed(_ failure: ControlFailure) {
        if case .refused = failure {
        } else {
            if let line { cluster.network.hangUp(line) }
            line = nil
        }
        if let pause = again.pause(after: failure, wasAnswered: wasAnswered),
            now + UInt64(pause) * 1_000_000 < end
        {
            state = .pausing(until: now + UInt64(pause) * 1_000_000)
        } else if case .refused(let refusal) = failure {
            state = .answered(.refused(refusal.code))
        } else {
            state = .answered(.lost)
        }
    }

    func replied(_ reply: ControlReply, _ body: [UInt8], on line: ControlLine) {
        guard line === self.line, case .waiting = state else { return }
        precondition(reply.requestID == request.requestID, "the answer of the only call")
        wasAnswered = true
        if reply.code == .ok { cluster.oracle.answered(request, reply, client: name) }
        if reply.code == .ok {
            state = .answered(.ok(reply))
        } else if waitsForRefusals {
            failed(.refused(.init(code: reply.code, message: reply.message)))
        } else {
            state = .answered(.refused(reply.code))
        }
    }

    func broke(_ line: ControlLine) {
        guard line === self.line else { return }
        self.line = nil
        if case .waiting = state { failed(Self.silence) }
    }

    func turn() -> Bool {
        switch state {
        case .waiting(let until) where now >= until: failed(Self.silence)
        case .pausing(let until) where now >= until: attempt()
        default: return false
        }
        return true
    }

    var nextDeadline: UInt64? {
        switch state {
        case .waiting(let until), .pausing(let until): until
        case .idle, .answered: nil
        }
    }

    /// The process ends.
    func die() {
        if let line { cluster.network.hangUp(line) }
        line = nil
    }
}
