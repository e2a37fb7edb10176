import Wire

/// Why a request was refused: the wire's code and a sentence for people.
package struct Refusal: Error, Equatable, Sendable {
    package let code: ControlCode
    package let message: String
    /// With `tooFewNodes`.
    package var live = 0
    package var needed = 0
    /// With `notDurable`.
    package var late: ControlLateBlock?

    package init(_ code: ControlCode, _ message: String) {
        self.code = code
        self.message = message
    }

    package static func tooFewNodes(live: Int, needed: Int) -> Refusal {
        var refusal = Refusal(
            .tooFewNodes, "\(live) datanodes are live, \(needed) are needed")
        refusal.live = live
        refusal.needed = needed
        return refusal
    }

    /// The answer to the request with this id.
    package func reply(to request: UInt64) -> ControlReply {
        var reply = ControlReply()
        reply.requestID = request
        reply.code = code
        reply.message = message
        reply.liveNodes = UInt32(clamping: live)
        reply.neededNodes = UInt32(clamping: needed)
        if let late { reply.late = late }
        return reply
    }
}
