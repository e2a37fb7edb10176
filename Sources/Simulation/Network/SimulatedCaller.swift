import ControlClient
import Foundation
import Reactor
import Wire

/// A client's calls, as `ControlCaller` makes them: one at a time, the same request id again over a
/// new connection when one is lost, within a total time (and a number of tries, at first).
final class SimulatedCaller: ControlUser {
    enum Answer {
        case ok(ControlReply)
        case refused(ControlCode)
        /// No answer came: what was asked may have been done or not.
        case lost
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
    private var tried = 0
    private var wasAnswered = false
    private var pause: Int64 = 0
    private var end: UInt64 = 0
    /// One try, nanoseconds.
    private static let callTime: UInt64 = 10_000_000_000

    init(_ cluster: SimulatedCluster, name: String) {
        self.cluster = cluster
        self.name = name
        client = ClientID(using: &cluster.world.random)
    }

    private var now: UInt64 { cluster.world.time }

    var isIdle: Bool { if case .idle = state { true } else { false } }

    func call(_ operation: ControlRequest.OneOf_Operation) {
        precondition(isIdle, "one call at a time")
        lastRequest += 1
        request = ControlRequest()
        request.clientID = Data(client.bytes)
        request.requestID = lastRequest
        request.operation = operation
        tried = 0
        pause = retry.pause
        end = now + UInt64(retry.totalMilliseconds) * 1_000_000
        attempt()
    }

    /// What a finished call brought, once.
    func takeAnswer() -> Answer? {
        guard case .answered(let answer) = state else { return nil }
        state = .idle
        return answer
    }

    private func attempt() {
        tried += 1
        if line == nil { line = cluster.network.connect(self, caller: name, role: .client) }
        guard let line else { return failed() }
        cluster.network.send(request, on: line)
        state = .waiting(until: min(end, now + Self.callTime))
    }

    private func failed() {
        if let line { cluster.network.hangUp(line) }
        line = nil
        let next = now + UInt64(pause) * 1_000_000
        guard wasAnswered || tried < retry.tries, next < end else {
            state = .answered(.lost)
            return
        }
        state = .pausing(until: next)
        pause = min(pause * 2, retry.longestPause)
    }

    func replied(_ reply: ControlReply, on line: ControlLine) {
        guard line === self.line, case .waiting = state else { return }
        precondition(reply.requestID == request.requestID, "the answer of the only call")
        wasAnswered = true
        if reply.code == .ok { cluster.oracle.answered(request, reply, client: name) }
        state = .answered(reply.code == .ok ? .ok(reply) : .refused(reply.code))
    }

    func broke(_ line: ControlLine) {
        guard line === self.line else { return }
        self.line = nil
        if case .waiting = state { failed() }
    }

    func turn() -> Bool {
        switch state {
        case .waiting(let until) where now >= until: failed()
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
