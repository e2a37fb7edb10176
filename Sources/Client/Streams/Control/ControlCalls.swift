import FoundationEssentials
import Reactor
import Wire

/// A call, by its place in the engine's slab of them.
package typealias CallIndex = RecordIndex<ControlCall>

/// One call without an answer yet: its place among the engine's calls, given to another one after
/// `replied` or `callFailed`.
package struct CallID: Hashable, Sendable {
    package let index: CallIndex
}

/// One call on its way.
package struct ControlCall {
    let link: ControlIndex
    /// As the namenode repeats it.
    var number: UInt64 = 0
}

/// The calls that an engine has made and that are not answered, over all its connections to
/// namenodes.
struct ControlCalls: ~Copyable {
    private var table: Slab<ControlCall>
    private var last: UInt64 = 0
    /// Who this engine is to namenodes.
    private let client = Data(ClientID.random().bytes)

    /// The low bits of a request's number find the call again, the high ones never come twice.
    private static var indexBits: UInt64 { 20 }

    init(_ settings: EngineSettings) { table = Slab(capacity: settings.calls) }

    /// A new call, and its request as it is sent; `nil` at the bound.
    mutating func begin(
        _ operation: ControlRequest.OneOf_Operation, over link: ControlIndex
    ) -> (CallID, ControlRequest)? {
        last &+= 1
        guard let index = table.insert(ControlCall(link: link)) else { return nil }
        let number = last << Self.indexBits | UInt64(index.owner)
        table.at(index).pointee.number = number
        var request = ControlRequest()
        request.clientID = client
        request.requestID = number
        request.operation = operation
        return (CallID(index: index), request)
    }

    /// The call with this number is over. `nil`: there is none of the link's.
    mutating func end(number: UInt64, of link: ControlIndex) -> CallID? {
        let index = CallIndex(Int(number & ((1 << Self.indexBits) - 1)))
        guard index.place < table.capacity, table.isUsed(index),
            table.at(index).pointee.number == number, table.at(index).pointee.link == link
        else { return nil }
        table.remove(index)
        return CallID(index: index)
    }

    /// Any call of the link is over; `nil`: it has none.
    mutating func endAny(of link: ControlIndex) -> CallID? {
        for index in table.places
        where table.isUsed(index) && table.at(index).pointee.link == link {
            table.remove(index)
            return CallID(index: index)
        }
        return nil
    }

    mutating func endAll(of link: ControlIndex) { while endAny(of: link) != nil {} }

    mutating func count(of link: ControlIndex) -> Int {
        var count = 0
        for index in table.places
        where table.isUsed(index) && table.at(index).pointee.link == link {
            count += 1
        }
        return count
    }
}
