import ControlClient
import FoundationEssentials
import Reactor
import System
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
        let link = ControlLink(endpoint, address, hello: hello, cluster)
        guard let index = controls.insert(link) else { return nil }
        startControl(.makeControlSocket, index, .socket(family: address.family))
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

    mutating func madeControlSocket(_ index: Int32, _ outcome: Outcome) {
        let entry = controls.at(index)
        if case .done(let number) = outcome { entry.pointee.descriptor = .plain(number) }
        guard settleControl(index) else { return }
        switch outcome {
        case .done: break
        case .again:
            return startControl(
                .makeControlSocket, index, .socket(family: entry.pointee.address.family))
        case .cancelled, .disconnected, .full, .failed:
            return failControl(index, unreachable(index, outcome.errno))
        }
        reactor.ring.configure(entry.pointee.descriptor)
        connectControl(index)
    }

    private mutating func connectControl(_ index: Int32) {
        let entry = controls.at(index)
        entry.pointee.pending += 1
        let context = OperationContext(
            kind: EngineOperation.connectControl.rawValue, owner: UInt32(index))
        entry.pointee.sendToken = reactor.connect(
            entry.pointee.descriptor, to: entry.pointee.address, context)
    }

    mutating func connectedControl(_ index: Int32, _ outcome: Outcome) {
        guard settleControl(index) else { return }
        switch outcome {
        case .done: break
        case .again: return connectControl(index)
        case .cancelled, .disconnected, .full, .failed:
            return failControl(index, unreachable(index, outcome.errno))
        }
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

    func unreachable(_ index: Int32, _ number: Int32) -> ControlFailure {
        let reason = number == 0 ? "it closed the connection" : errorText(number)
        return .unreachable(address: controls.at(index).pointee.name, reason: reason)
    }

    // MARK: Its deadline

    private func controlTimer(_ index: Int32) -> UInt32 {
        UInt32(settings.writes + settings.reads) + UInt32(index)
    }

    /// The namenode owes something from now on.
    mutating func watchControl(_ index: Int32) {
        reactor.timers.clear(controlTimer(index))
        reactor.timers.arm(controlTimer(index), at: deadline(settings.callTimeout))
    }

    mutating func unwatchControl(_ index: Int32) { reactor.timers.clear(controlTimer(index)) }

    mutating func controlExpired(_ index: Int32) {
        guard controls.isUsed(index) else { return }
        let milliseconds = Int64(settings.callTimeout / 1_000_000)
        failControl(
            index,
            .timedOut(address: controls.at(index).pointee.name, milliseconds: milliseconds))
    }
}
