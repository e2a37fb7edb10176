import ControlClient
import Reactor
import Wire

// What a namenode said lies in its connection until the owner takes it; meanwhile nothing more is
// received there.
extension StreamEngine where Ring: ~Copyable {
    mutating func tell(control index: ControlIndex) {
        guard !controls.at(index).pointee.isTeller else { return }
        controls.at(index).pointee.isTeller = true
        controlTellers.append(index)
    }

    mutating func nextControlEvent() -> StreamEvent? {
        while let index = controlTellers.popFirst() {
            controls.at(index).pointee.isTeller = false
            let event =
                switch controls.at(index).pointee.phase {
                case .connecting: StreamEvent?.none
                case .greeting: nextGreeting(index)
                case .open: nextReply(index)
                case .failed: nextFailure(index)
                case .closing: StreamEvent?.none
                }
            if let event { return event }
            removeControlIfSettled(index)
        }
        return nil
    }

    private mutating func nextBody(_ index: ControlIndex) -> [UInt8]? {
        let entry = controls.at(index)
        do throws(ControlFrame.Failure) {
            if let body = try entry.pointee.decoder.next() { return body }
        } catch {
            failControl(index, .malformed("\(error)"))
            return nil
        }
        receiveControl(index)
        return nil
    }

    private mutating func nextGreeting(_ index: ControlIndex) -> StreamEvent? {
        guard let body = nextBody(index) else { return nil }
        let entry = controls.at(index)
        do {
            let reply = try ControlFrame.decode(ControlHelloReply.self, from: body)
            let greeting = try Greeting(reply, expected: entry.pointee.expected)
            entry.pointee.phase = .open
            unwatchControl(index)
            tell(control: index)
            return .controlOpened(ControlID(index: index), greeting.cluster)
        } catch let failure as ControlFailure {
            failControl(index, failure)
        } catch {
            failControl(index, .malformed("its greeting cannot be read"))
        }
        return nil
    }

    private mutating func nextReply(_ index: ControlIndex) -> StreamEvent? {
        guard let body = nextBody(index) else { return nil }
        let entry = controls.at(index)
        let reply: ControlReply
        do throws(ControlFrame.Failure) {
            reply = try ControlFrame.decode(ControlReply.self, from: body)
        } catch {
            failControl(index, .malformed("its answer cannot be read"))
            return nil
        }
        guard reply.requestID != 0 else {
            failControl(index, ControlFailure(unasked: reply))
            return nil
        }
        let call = Int32(truncatingIfNeeded: reply.requestID & 0xf_ffff)
        guard call < Int32(calls.capacity), calls.isUsed(call),
            calls.at(call).pointee.request == reply.requestID,
            calls.at(call).pointee.link == index
        else {
            failControl(
                index, .malformed("the answer belongs to request \(reply.requestID)"))
            return nil
        }
        calls.remove(call)
        entry.pointee.unanswered -= 1
        if entry.pointee.unanswered > 0 { watchControl(index) } else { unwatchControl(index) }
        tell(control: index)
        return .replied(CallID(index: call), reply)
    }

    private mutating func nextFailure(_ index: ControlIndex) -> StreamEvent? {
        let entry = controls.at(index)
        guard let failure = entry.pointee.failure else {
            preconditionFailure("a failed connection says why")
        }
        let next = (0..<Int32(calls.capacity)).first { call in
            calls.isUsed(call) && calls.at(call).pointee.link == index
        }
        guard let call = next else {
            entry.pointee.phase = .closing
            removeControlIfSettled(index)
            return .controlFailed(ControlID(index: index), failure)
        }
        calls.remove(call)
        tell(control: index)
        return .callFailed(CallID(index: call), failure)
    }
}
