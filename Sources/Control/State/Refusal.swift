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

    /// Fewer nodes are live than this cluster wants to see before it serves anybody.
    /// - Parameter unheard: names of those that would make it more.
    package static func tooFewNodes(live: Int, needed: Int, unheard: [String]) -> Refusal {
        lack(
            "\(count(live, "is", "are")) live, and this cluster serves with \(needed)", live,
            needed, unheard)
    }

    /// Enough nodes are live to serve, and too few to write: a chain wants more.
    package static func shortChain(found: Int, wanted: Int, unheard: [String]) -> Refusal {
        lack(
            "\(count(found, "can", "can")) take this block, and its chain wants \(wanted)", found,
            wanted, unheard)
    }

    private static func lack(
        _ sentence: String, _ live: Int, _ needed: Int, _ unheard: [String]
    ) -> Refusal {
        var refusal = Refusal(.tooFewNodes, sentence + naming(unheard))
        refusal.live = live
        refusal.needed = needed
        return refusal
    }

    private static func count(_ nodes: Int, _ one: String, _ more: String) -> String {
        nodes == 1 ? "1 datanode \(one)" : "\(nodes) datanodes \(more)"
    }

    /// Nodes that a sentence names.
    private static let named = 5

    private static func naming(_ nodes: [String]) -> String {
        guard !nodes.isEmpty else { return "" }
        let rest = nodes.count - named
        return "; not heard from: " + nodes.prefix(named).joined(separator: ", ")
            + (rest > 0 ? " and \(rest) more" : "")
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
