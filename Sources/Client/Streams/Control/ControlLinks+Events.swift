import ControlClient
import Reactor
import Wire

// What the owner hears of them.
extension ControlLinks where Ring: ~Copyable {
    /// What the owner hears next of a connection that was among the news.
    mutating func nextEvent(
        of link: ControlIndex, _ core: inout StreamCore<Ring>
    ) -> StreamEvent? {
        let event: StreamEvent? =
            switch at(link).pointee.phase {
            case .greeting: nextGreeting(link, &core)
            case .open: nextReply(link, &core)
            case .failed: nextFailure(link, &core)
            case .connecting, .closing: nil
            }
        if event == nil { removeIfSettled(link, &core) }
        return event
    }

    private mutating func nextBody(
        _ link: ControlIndex, _ core: inout StreamCore<Ring>
    ) -> [UInt8]? {
        do throws(ControlFrame.Failure) {
            if let body = try at(link).pointee.decoder.next() { return body }
        } catch {
            fail(link, .malformed("\(error)"), &core)
            return nil
        }
        receive(link, &core)
        return nil
    }

    private mutating func nextGreeting(
        _ link: ControlIndex, _ core: inout StreamCore<Ring>
    ) -> StreamEvent? {
        guard let body = nextBody(link, &core) else { return nil }
        do {
            let reply = try ControlFrame.decode(ControlHelloReply.self, from: body)
            let greeting = try Greeting(reply, expected: at(link).pointee.expected)
            at(link).pointee.phase = .open
            core.rest(.control(link))
            core.news.add(.control(link))
            return .controlOpened(ControlID(index: link), greeting.cluster)
        } catch let failure as ControlFailure {
            fail(link, failure, &core)
        } catch {
            fail(link, .malformed("its greeting cannot be read"), &core)
        }
        return nil
    }

    private mutating func nextReply(
        _ link: ControlIndex, _ core: inout StreamCore<Ring>
    ) -> StreamEvent? {
        guard let body = nextBody(link, &core) else { return nil }
        let reply: ControlReply
        do throws(ControlFrame.Failure) {
            reply = try ControlFrame.decode(ControlReply.self, from: body)
        } catch {
            fail(link, .malformed("its answer cannot be read"), &core)
            return nil
        }
        guard reply.requestID != 0 else {
            fail(link, ControlFailure(unasked: reply), &core)
            return nil
        }
        guard let call = calls.end(number: reply.requestID, of: link) else {
            fail(link, .malformed("the answer belongs to request \(reply.requestID)"), &core)
            return nil
        }
        at(link).pointee.unanswered -= 1
        if at(link).pointee.unanswered > 0 { watch(link, &core) } else { core.rest(.control(link)) }
        core.news.add(.control(link))
        return .replied(call, reply)
    }

    private mutating func nextFailure(
        _ link: ControlIndex, _ core: inout StreamCore<Ring>
    ) -> StreamEvent? {
        guard let failure = at(link).pointee.failure else {
            preconditionFailure("a failed connection says why")
        }
        guard let call = calls.endAny(of: link) else {
            at(link).pointee.phase = .closing
            removeIfSettled(link, &core)
            return .controlFailed(ControlID(index: link), failure)
        }
        core.news.add(.control(link))
        return .callFailed(call, failure)
    }
}
