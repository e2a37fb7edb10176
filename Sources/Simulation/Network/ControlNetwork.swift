import Reactor
import Wire

/// Who calls the namenode: a client or a datanode's agent.
protocol ControlUser: AnyObject {
    /// - Parameter body: the reply as it came.
    func replied(_ reply: ControlReply, _ body: [UInt8], on line: ControlLine)
    /// Nothing more comes on this line; what was sent may have been heard or not.
    func broke(_ line: ControlLine)
}

/// One connection to the namenode. Messages of one direction keep their order; lines overtake each
/// other.
final class ControlLine {
    let caller: String
    let role: ControlRole
    let challenge: [UInt8]
    private(set) weak var user: (any ControlUser)?
    var isBroken = false
    fileprivate var requests: [[UInt8]] = []
    fileprivate var replies: [[UInt8]] = []
    fileprivate var lastRequest: UInt64 = 0
    fileprivate var lastReply: UInt64 = 0

    init(_ user: any ControlUser, caller: String, role: ControlRole, challenge: [UInt8]) {
        self.user = user
        self.caller = caller
        self.role = role
        self.challenge = challenge
    }
}

/// The control plane's network: messages as bytes, each with a delay drawn for it, held while the
/// way is cut, and lost when their connection breaks.
final class ControlNetwork: SimulationParticipant {
    private enum Kind { case request, reply, broken }

    private struct Entry {
        let time: UInt64
        let sequence: UInt64
        let line: ControlLine
        let kind: Kind
    }

    private unowned let cluster: SimulatedCluster
    /// By time, then by age.
    private var entries: [Entry] = []
    private var sequence: UInt64 = 0
    private var lines: [ControlLine] = []

    init(_ cluster: SimulatedCluster) { self.cluster = cluster }

    private var world: SimulatedWorld { cluster.world }

    // MARK: Calls

    /// - Returns: `nil` when nobody answers there.
    func connect(_ user: any ControlUser, caller: String, role: ControlRole) -> ControlLine? {
        guard cluster.namenode.isAnswering, !isCut(caller) else { return nil }
        let challenge = (0..<16).map { _ in UInt8(truncatingIfNeeded: world.random.next()) }
        let line = ControlLine(user, caller: caller, role: role, challenge: challenge)
        lines.append(line)
        return line
    }

    /// On a line that broke already, and whose caller has yet to hear of it, it is lost.
    func send(_ request: ControlRequest, on line: ControlLine) {
        guard !line.isBroken else { return }
        do { line.requests.append(try request.serializedBytes()) } catch {
            preconditionFailure("a request can be written: \(error)")
        }
        line.lastRequest = max(line.lastRequest + 1, world.time + delay(line))
        insert(.request, line, at: line.lastRequest)
    }

    func reply(_ body: [UInt8], on line: ControlLine) {
        guard !line.isBroken else { return }
        line.replies.append(body)
        line.lastReply = max(line.lastReply + 1, world.time + delay(line))
        insert(.reply, line, at: line.lastReply)
    }

    /// The caller hangs up, or its process ended. What is on its way may still arrive, or not.
    func hangUp(_ line: ControlLine) {
        guard !line.isBroken else { return }
        forget(line)
        guard !line.requests.isEmpty, !isCut(line.caller) else { return }
        for body in line.requests.prefix(world.random.below(line.requests.count + 1)) {
            cluster.namenode.take(body, on: line)
        }
        line.requests = []
    }

    /// Every connection of the namenode's process ends, or those of one caller.
    func breakLines(of caller: String? = nil) {
        for line in lines where caller == nil || line.caller == caller {
            forget(line)
            line.requests = []
            insert(.broken, line, at: world.time + delay(line))
        }
    }

    private func forget(_ line: ControlLine) {
        line.isBroken = true
        line.replies = []
        lines.removeAll { $0 === line }
    }

    private func isCut(_ caller: String) -> Bool {
        world.isCut(from: caller, to: SimulatedNamenode.name)
            || world.isCut(from: SimulatedNamenode.name, to: caller)
    }

    private func delay(_ line: ControlLine) -> UInt64 {
        let slow = cluster.isCalm ? 0 : cluster.plan.slowMessages
        let late = world.random.chance(slow) ? world.random.pick(1_000_000...150_000_000) : 0
        return world.random.pick(30_000...200_000) + late
            + world.extraDelay(from: line.caller, to: SimulatedNamenode.name)
    }

    // MARK: Events

    private func insert(_ kind: Kind, _ line: ControlLine, at time: UInt64) {
        sequence += 1
        let entry = Entry(time: time, sequence: sequence, line: line, kind: kind)
        // Late entries are usual: the place is near the end.
        var place = entries.count
        while place > 0, entries[place - 1].time > time { place -= 1 }
        entries.insert(entry, at: place)
    }

    var nextDeadline: UInt64? { entries.first?.time }

    func turn() -> Bool {
        var isBusy = false
        while let entry = entries.first, entry.time <= world.time {
            entries.removeFirst()
            isBusy = true
            deliver(entry)
        }
        return isBusy
    }

    private func deliver(_ entry: Entry) {
        let line = entry.line
        if entry.kind == .broken {
            line.user?.broke(line)
            return
        }
        guard !line.isBroken else { return }
        guard !isCut(line.caller) else {
            // Held, as a kernel sends again what was not acknowledged.
            return insert(entry.kind, line, at: world.time + 20_000_000)
        }
        switch entry.kind {
        case .request: cluster.namenode.take(line.requests.removeFirst(), on: line)
        case .reply:
            do throws(ControlFrame.Failure) {
                let body = line.replies.removeFirst()
                let reply = try ControlFrame.decode(ControlReply.self, from: body)
                line.user?.replied(reply, body, on: line)
            } catch {
                preconditionFailure("a reply that was written can be read")
            }
        case .broken: break
        }
    }
}
