import Client
import Reactor
import Wire

/// DELETE of a key of the client's own.
final class DeleteJob: ClientJob {
    private unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    private let key: String
    private var candidate: Int?
    private var floor = 0
    private(set) var isOver = false

    init(_ cluster: SimulatedCluster, _ client: SimulatedClient, key: String) {
        self.cluster = cluster
        self.client = client
        self.key = key
    }

    var nextDeadline: UInt64? { nil }
    func take(_ event: StreamEvent) {}

    func step() -> Bool {
        guard let candidate else {
            floor = cluster.ledger.floor(key)
            self.candidate = cluster.ledger.begin(key, nil)
            var message = ControlDelete()
            message.key = key
            client.caller.call(.delete(message))
            return true
        }
        guard !isOver, let answer = client.caller.takeAnswer() else { return false }
        isOver = true
        cluster.note(
            [40, UInt64(client.number), UInt64(candidate)],
            "\(client.name): delete \(key) #\(candidate): \(answer.word)")
        switch answer {
        case .ok: cluster.ledger.acked(key, candidate)
        case .refused(let code):
            cluster.ledger.failed(key, candidate)
            if code == .notFound { cluster.oracle.readAbsent(key, since: floor) }
        case .lost: break
        }
        return true
    }
}

/// RENAME between two keys of the client's own, of a value that is known.
final class RenameJob: ClientJob {
    private unowned let cluster: SimulatedCluster
    private unowned let client: SimulatedClient
    private let from: String
    private let target: String
    private var candidates: (from: Int, target: Int)?
    private(set) var isOver = false

    init(_ cluster: SimulatedCluster, _ client: SimulatedClient, from: String, to target: String) {
        self.cluster = cluster
        self.client = client
        self.from = from
        self.target = target
    }

    var nextDeadline: UInt64? { nil }
    func take(_ event: StreamEvent) {}

    func step() -> Bool {
        guard let candidates else { return begin() }
        guard !isOver, let answer = client.caller.takeAnswer() else { return false }
        isOver = true
        cluster.note(
            [41, UInt64(client.number), UInt64(candidates.target)],
            "\(client.name): rename \(from) to \(target) #\(candidates.target): \(answer.word)")
        switch answer {
        case .ok:
            cluster.ledger.acked(from, candidates.from)
            cluster.ledger.acked(target, candidates.target)
        case .refused:
            cluster.ledger.failed(from, candidates.from)
            cluster.ledger.failed(target, candidates.target)
        case .lost: break
        }
        return true
    }

    private func begin() -> Bool {
        guard from != target, let known = cluster.ledger.known(from), known.value != nil else {
            let wasOver = isOver
            isOver = true
            return !wasOver
        }
        let moved = cluster.ledger.begin(target, known.value)
        cluster.ledger.wrote(target, moved, known.blocks)
        cluster.ledger.inherit(target, moved, known)
        candidates = (cluster.ledger.begin(from, nil), moved)
        var message = ControlRename()
        message.from = from
        message.to = target
        message.overwrite = cluster.world.random.below(3) > 0
        client.caller.call(.rename(message))
        return true
    }
}

extension SimulatedCaller.Answer {
    var word: String {
        switch self {
        case .ok: "done"
        case .refused(let code): "\(code)"
        case .lost: "no answer"
        }
    }
}
