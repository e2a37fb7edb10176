import ControlClient
import FoundationEssentials
import Reactor
import System
import Transport
import Wire

// Calls to a namenode over the ring that carries the streams, so that an owner of thousands of
// streams neither blocks nor needs a thread for them.
extension StreamEngine where Ring: ~Copyable {
    /// Begins to connect; `controlOpened` or `controlFailed` follows.
    /// - Returns: `nil` when `settings.controls` is reached.
    package mutating func control(
        to endpoint: Endpoint, at address: SocketAddress, cluster: ClusterID?, software: String
    ) -> ControlID? {
        guard controls.count < settings.controls else { return nil }
        let hello = Greeting.hello(role: .client, cluster: cluster, software: software)
        guard let index = controls.insert(ControlLink(endpoint, hello: hello, cluster)) else {
            return nil
        }
        guard let connection = transport.dial(address, StreamRole(.control(index)), .stream) else {
            preconditionFailure("every connection within its bound has a place")
        }
        controls.at(index).pointee.connection = connection
        watchControl(index)
        return ControlID(index: index)
    }

    /// Sends a request with the next turn; `replied` or `callFailed` follows.
    /// - Returns: `nil` at the bound of calls or bytes of the connection, or of the engine's calls,
    ///   and while the connection is not open.
    package mutating func call(
        _ id: ControlID, _ operation: ControlRequest.OneOf_Operation
    ) -> CallID? {
        let entry = controls.at(id.index)
        guard entry.pointee.phase == .open,
            entry.pointee.unanswered < settings.callsPerControl,
            entry.pointee.queued.count < ControlLink.queueBytes
        else { return nil }
        lastCall &+= 1
        // The low bits find the call again, the high ones never come twice.
        guard let index = calls.insert(ControlCall(link: id.index, request: lastCall << 20)) else {
            return nil
        }
        let number = lastCall << 20 | UInt64(index)
        calls.at(index).initialize(to: ControlCall(link: id.index, request: number))
        var request = ControlRequest()
        request.clientID = controlClientData
        request.requestID = number
        request.operation = operation
        entry.pointee.queued += Self.frame(request)
        if entry.pointee.unanswered == 0 { watchControl(id.index) }
        entry.pointee.unanswered += 1
        markSender(id.index)
        return CallID(index: index)
    }

    /// Whether calls can be made.
    package func isOpen(_ id: ControlID) -> Bool {
        controls.isUsed(id.index) && controls.at(id.index).pointee.phase == .open
    }

    /// Gives the connection up. Its calls are over, without an event.
    package mutating func end(_ id: ControlID) { endControl(id.index) }

    private static func frame(_ message: ControlRequest) -> [UInt8] {
        do throws(ControlFrame.Failure) { return try ControlFrame.encode(message) } catch {
            preconditionFailure("a request fits a control message: \(error)")
        }
    }

    // MARK: Connecting

    /// What happened on its connection.
    mutating func heardControl(
        _ index: ControlIndex, _ connection: ConnectionIndex, _ news: ConnectionNews
    ) {
        switch news {
        case .none, .letGo: break
        case .opened: greet(index)
        case .bytes(let count): receivedControl(index, count)
        case .sent: if !controls.at(index).pointee.queued.isEmpty { markSender(index) }
        case .noSocket(let number), .unreachable(let number), .ended(let number, _, _),
            .notSent(let number, _, _):
            failControl(index, unreachable(index, number))
        case .closed:
            transport.remove(connection)
            controls.at(index).pointee.connection = -1
            removeControlIfSettled(index)
        case .header, .badHeader, .payload, .body, .lingered:
            preconditionFailure("a namenode's connection carries bytes")
        }
    }

    private mutating func greet(_ index: ControlIndex) {
        let entry = controls.at(index)
        entry.pointee.phase = .greeting
        do throws(ControlFrame.Failure) {
            entry.pointee.queued = try ControlFrame.encode(entry.pointee.hello)
        } catch {
            preconditionFailure("a Hello is short: \(error)")
        }
        markSender(index)
        receiveControl(index)
    }

    private func unreachable(_ index: ControlIndex, _ number: Int32) -> ControlFailure {
        let reason = number == 0 ? "it closed the connection" : errorText(number)
        return .unreachable(address: controls.at(index).pointee.name, reason: reason)
    }

    // MARK: Its deadline

    @inline(__always)
    private func controlTimer(_ index: ControlIndex) -> Int {
        settings.writes + settings.reads + Int(index)
    }

    /// The namenode owes something from now on.
    mutating func watchControl(_ index: ControlIndex) {
        transport.arm(timer: controlTimer(index), within: settings.callTimeout)
    }

    mutating func unwatchControl(_ index: ControlIndex) {
        transport.clear(timer: controlTimer(index))
    }

    mutating func controlExpired(_ index: ControlIndex) {
        guard controls.isUsed(index) else { return }
        let milliseconds = Int64(settings.callTimeout / 1_000_000)
        failControl(
            index,
            .timedOut(address: controls.at(index).pointee.name, milliseconds: milliseconds))
    }
}
