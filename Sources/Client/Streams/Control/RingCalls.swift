import ControlClient
import Reactor
import System
import Wire

/// The calls that one owner of streams makes while they go on: over the ring that carries them, so
/// that a namenode that does not answer stops none. One connection, made when the first is due and
/// again when it was lost. Nothing is asked twice: who hears that a call failed asks anew.
package struct RingCalls<Purpose> {
    private let endpoint: Endpoint
    private let addresses: [SocketAddress]
    private var place = 0
    private let cluster: ClusterID
    private let software: String
    private var link: ControlID?
    /// Until the connection is open.
    private var waiting: [(purpose: Purpose, operation: ControlRequest.OneOf_Operation)] = []
    private var sent: [CallID: Purpose] = [:]

    package typealias Answer = (purpose: Purpose, result: Result<ControlReply, ControlFailure>)

    /// - Parameter addresses: of the endpoint, and where it answered before comes first. After a
    ///   connection that failed the next one is tried.
    package init(
        to endpoint: Endpoint, at addresses: [SocketAddress], cluster: ClusterID, software: String
    ) {
        self.endpoint = endpoint
        precondition(!addresses.isEmpty, "an endpoint that answered has an address")
        self.addresses = addresses
        self.cluster = cluster
        self.software = software
    }

    /// - Returns: `false` at the engine's bound of connections or calls.
    package mutating func call<Ring: RingBackend & ~Copyable>(
        _ purpose: Purpose, _ operation: ControlRequest.OneOf_Operation,
        over engine: inout StreamEngine<Ring>
    ) -> Bool {
        guard sent.count + waiting.count < engine.settings.calls else { return false }
        if let link, engine.isOpen(link) { return send(purpose, operation, link, over: &engine) }
        if link == nil {
            link = engine.control(
                to: endpoint, at: addresses[place], cluster: cluster, software: software)
        }
        guard link != nil else { return false }
        waiting.append((purpose, operation))
        return true
    }

    private mutating func send<Ring: RingBackend & ~Copyable>(
        _ purpose: Purpose, _ operation: ControlRequest.OneOf_Operation, _ link: ControlID,
        over engine: inout StreamEngine<Ring>
    ) -> Bool {
        guard let call = engine.call(link, operation) else { return false }
        sent[call] = purpose
        return true
    }

    /// - Returns: what came of calls; `nil`: the event is about something else.
    package mutating func take<Ring: RingBackend & ~Copyable>(
        _ event: StreamEvent, over engine: inout StreamEngine<Ring>
    ) -> [Answer]? {
        switch event {
        case .controlOpened(let id, _):
            let due = waiting
            waiting = []
            for call in due where !send(call.purpose, call.operation, id, over: &engine) {
                preconditionFailure("no more calls wait than an open connection takes")
            }
            return []
        case .replied(let call, let reply): return answer(call, reply.outcome)
        case .callFailed(let call, let failure): return answer(call, .failure(failure))
        case .controlFailed(_, let failure):
            link = nil
            place = (place + 1) % addresses.count
            defer { waiting = [] }
            return waiting.map { ($0.purpose, .failure(failure)) }
        default: return nil
        }
    }

    private mutating func answer(
        _ call: CallID, _ result: Result<ControlReply, ControlFailure>
    ) -> [Answer] {
        sent.removeValue(forKey: call).map { [($0, result)] } ?? []
    }
}

extension ControlReply {
    /// The answer, or the refusal.
    package var outcome: Result<ControlReply, ControlFailure> {
        guard code != .ok else { return .success(self) }
        return .failure(
            .refused(
                .init(
                    code: code, message: message, live: Int(liveNodes), needed: Int(neededNodes))))
    }
}
