import Dispatch
import Foundation
import Glibc
import Logging
import System
import Wire

/// The shell around the machine: sockets, timer, clock, store and log, all on one serial queue.
///
/// Marked unchecked because Swift cannot see what holds by construction: every property is used on
/// `queue` alone, which each way in checks.
package final class NamenodeServer: @unchecked Sendable {
    private let queue = DispatchQueue(label: "catena.namenode")
    private let settings: NamenodeSettings
    private let timing: ServerTiming
    private let cluster: ClusterID
    private let log: Logger
    private let onFailure: @Sendable (StoreFailure) -> Void

    private var engine: Engine
    private var faults: FaultPoint?
    private var listener: Listener?
    private var poller: Poller?
    /// Connections with something queued.
    private var queued: [ServerConnection] = []
    /// The moment of this turn.
    private var moment = Moment.read()
    private var timer: (any DispatchSourceTimer)?
    private var connections: [UInt64: ServerConnection] = [:]
    private var nextConnection: UInt64 = 1
    /// Connections by what they are to the namenode.
    private var places: [Standing: Int] = [:]
    /// Connections that made room for others, since the log said so.
    private var gaveWay = 0
    private var gaveWayTold: Int64 = 0
    private var arrivingBytes = 0
    private var generator = SystemRandomNumberGenerator()
    /// Replies that wait for a commit.
    private var gate = ReplyGate<Waiting>()
    private var stopped: (@Sendable () -> Void)?
    private var drainEnd: Int64 = 0

    private struct Waiting {
        /// The operation, where a fault may be armed for it.
        let point: String?
        let connection: UInt64
        let frame: [UInt8]
    }

    /// - Parameter onFailure: the store could not commit: memory is ahead of the disk, so the
    ///   process has to end.
    package init(
        engine: Engine, timing: ServerTiming = ServerTiming(), faults: FaultPoint? = nil,
        log: Logger,
        onFailure: @escaping @Sendable (StoreFailure) -> Void
    ) {
        self.engine = engine
        self.faults = faults
        settings = engine.namenode.settings
        cluster = engine.namenode.cluster
        self.timing = timing
        self.log = log
        self.onFailure = onFailure
    }

    /// Listens and answers the bound port.
    package func start() throws(SystemFailure) -> UInt16 {
        let made: Result<UInt16, SystemFailure> = queue.sync { startOnQueue() }
        return try made.get()
    }

    /// Takes no new connections and requests, sends what is on its way, then calls back on the
    /// server's queue.
    package func stop(then done: @escaping @Sendable () -> Void) {
        queue.async { self.stopOnQueue(then: done) }
    }

    /// Connections that are open. For tests and status.
    package var connectionCount: Int { queue.sync { connections.count } }

    private func startOnQueue() -> Result<UInt16, SystemFailure> {
        FrameBuffer.giveBackLongMemory()
        do throws(SystemFailure) {
            let listener = try Listener(
                host: settings.listenHost, port: settings.listenPort, queue: queue)
            listener.onConnection = { [unowned self] in accept($0) }
            listener.onExhausted = { [unowned self] in
                log.error("cannot accept connections", metadata: ["reason": "\($0)"])
                // The next tick tries again.
                self.listener?.pause()
            }
            moment = Moment.read()
            let poller = try Poller(queue: queue)
            poller.onReady = { [unowned self] number, reads, writes in
                guard let connection = connections[number] else { return }
                connection.now = moment.now
                connection.ready(reads: reads, writes: writes)
            }
            poller.onBatchBegin = { [unowned self] in moment = Moment.read() }
            poller.onBatchEnd = { [unowned self] in endTurn() }
            self.poller = poller
            poller.start()
            self.listener = listener
            listener.start()
            let timer = DispatchSource.makeTimerSource(queue: queue)
            let period = DispatchTimeInterval.milliseconds(Int(timing.tickMs))
            timer.schedule(deadline: .now() + period, repeating: period)
            timer.setEventHandler { [unowned self] in tick() }
            self.timer = timer
            timer.activate()
            takeUp()
            return .success(listener.port)
        } catch {
            return .failure(error)
        }
    }

    /// What an earlier process left.
    private func takeUp() {
        do {
            write(try engine.start(at: moment))
            if engine.isDirty { commit() }
        } catch {
            fail(error)
        }
    }

    // MARK: Connections

    private func accept(_ arrival: ServerSocket.Arrival) {
        dispatchPrecondition(condition: .onQueue(queue))
        guard let poller else {
            _ = Glibc.close(arrival.descriptor)
            return
        }
        let now = BootClock.milliseconds
        guard makePlace(.arriving, for: arrival.address, now: now) else {
            // Everybody who arrives has a request under way, and has seconds to prove who it is.
            _ = Glibc.close(arrival.descriptor)
            return
        }
        let connection = ServerConnection(
            arrival, number: nextConnection, challenge: challenge(), bounds: settings.bounds,
            timing: timing, now: now, poller: poller)
        nextConnection += 1
        connection.onMessage = { [unowned self] in take($1, from: $0) }
        connection.onMalformed = { [unowned self] in refuse($0, because: $1) }
        connection.onArriving = { [unowned self] in arriving($0, by: $1) }
        connection.onQueued = { [unowned self] in queued.append($0) }
        connection.onClosed = { [unowned self] in closed($0) }
        connections[connection.number] = connection
        places[.arriving, default: 0] += 1
        engine.count { $0.connectionsAccepted &+= 1 }
        connection.start()
    }

    /// Has others give way when all places of this standing are taken.
    /// - Returns: whether there is one now.
    private func makePlace(_ standing: Standing, for address: PeerAddress, now: Int64) -> Bool {
        guard places[standing, default: 0] >= settings.bounds.connections(standing) else {
            return true
        }
        let leaving = ConnectionEviction.givingWay(
            among: connections.values.filter { $0.standing == standing }.map(\.seat),
            to: address, quietMs: standing == .client ? timing.quietMs : 0, now: now)
        for number in leaving { connections[number]?.close() }
        gaveWay += leaving.count
        engine.count { $0.connectionsGivenWay &+= UInt64(leaving.count) }
        return !leaving.isEmpty
    }

    private func take(_ standing: Standing, from old: Standing) {
        places[old, default: 0] -= 1
        places[standing, default: 0] += 1
    }

    private func closed(_ connection: ServerConnection) {
        connections[connection.number] = nil
        places[connection.standing, default: 0] -= 1
        if stopped != nil, connections.isEmpty { finishStop() }
    }

    private func arriving(_ connection: ServerConnection, by change: Int) {
        arrivingBytes += change
        guard change > 0, arrivingBytes > settings.bounds.arrivingBytes else { return }
        // Of those above the mean, so that much is given back and short ones are left alone.
        let mean = arrivingBytes / connections.count
        let slowest = connections.values.filter { $0.arriving >= mean }
            .min { $0.arrivingSince < $1.arrivingSince }
        let refusal = Refusal(.busy, "too many long messages are arriving: try again")
        slowest?.now = moment.now
        slowest?.send(frame(refusal.reply(to: 0)))
        slowest?.finish(lingering: true)
    }

    private func challenge() -> [UInt8] {
        (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    private func take(_ body: [UInt8], from connection: ServerConnection) {
        switch connection.phase {
        case .greeting: greet(body, connection)
        case .open: handle(body, connection)
        case .closing, .lingering, .closed: break
        }
    }

    private func refuse(_ connection: ServerConnection, because reason: String) {
        engine.count { $0.messagesMalformed &+= 1 }
        log.warning(
            "malformed message", metadata: ["peer": "\(connection.peer)", "reason": "\(reason)"])
        connection.send(frame(Refusal(.malformed, reason).reply(to: 0)))
        connection.finish(lingering: true)
    }

    private func greet(_ body: [UInt8], _ connection: ServerConnection) {
        let hello: ControlHello
        do {
            hello = try ControlFrame.decode(ControlHello.self, from: body)
        } catch {
            refuse(connection, because: "the first message is not a Hello")
            return
        }
        var reply = Handshake.answer(hello, cluster: cluster)
        reply.challenge = Data(connection.caller.challenge)
        if reply.code == .ok, hello.role == .client,
            !makePlace(.client, for: connection.caller.address, now: moment.now)
        {
            reply.code = .busy
            reply.message =
                "\(settings.bounds.connections(.client)) clients are connected and none is idle: "
                + "try again"
        }
        connection.send(frame(reply))
        guard reply.code == .ok else {
            log.warning(
                "connection refused",
                metadata: ["peer": "\(connection.peer)", "reason": "\(reply.message)"])
            connection.finish(lingering: true)
            return
        }
        connection.open(as: hello.role, now: moment.now)
        take(connection.standing, from: .arriving)
    }

    /// A datanode proved who it is: its place is one that no client can take.
    private func proven(_ connection: ServerConnection) {
        guard connection.standing != .datanode else { return }
        _ = makePlace(.datanode, for: connection.caller.address, now: moment.now)
        take(.datanode, from: connection.standing)
        connection.proven(now: moment.now)
    }

    /// What was queued leaves. A connection that can go on then may queue more.
    private func endTurn() {
        while let connection = queued.popLast() {
            connection.now = moment.now
            connection.flush()
        }
    }

    // MARK: Requests

    private func handle(_ body: [UInt8], _ connection: ServerConnection) {
        let request: ControlRequest
        do {
            request = try RequestReader.read(body)
        } catch {
            refuse(connection, because: "the message is not a Request")
            return
        }
        countLevels(for: request)
        do {
            let answer = try engine.handle(
                request, body: body, from: connection.caller, at: moment)
            write(answer.notices)
            if answer.reply.code == .ok, request.operation?.provesSecret == true {
                proven(connection)
            }
            let waiting = Waiting(
                point: faults == nil ? nil : request.operation.map { RequestKind($0).rawValue },
                connection: connection.number,
                frame: frame(answer.reply, answer.encoded))
            if gate.holds(waiting, isSettled: answer.isSettled, isDirty: engine.isDirty) {
                commit()
            } else {
                reply(waiting)
            }
        } catch {
            fail(error)
        }
    }

    /// Levels are read when a REPORT wants them.
    private func countLevels(for request: ControlRequest) {
        guard case .report(let report)? = request.operation, report.metrics else { return }
        engine.count { counters in
            for standing in Standing.allCases {
                counters.connections[standing] = places[standing, default: 0]
            }
            counters.arrivingBytes = arrivingBytes
        }
    }

    /// Begins a commit of what was applied, unless one is under way: then the next one takes it,
    /// with all that comes until then.
    private func commit() {
        guard gate.begin() else { return }
        for waiting in gate.committing { pass(waiting, "before-commit") }
        engine.commit(at: MonotonicClock.nanoseconds) { result in
            // A store that is done at once calls back before `commit` has returned.
            self.queue.async { self.committed(result) }
        }
    }

    private func committed(_ result: Result<Void, StoreFailure>) {
        dispatchPrecondition(condition: .onQueue(queue))
        for waiting in gate.committing { pass(waiting, "after-commit-before-reply") }
        let result = faults?.failsCommit() == true ? .failure(FaultPoint.failure) : result
        switch result {
        case .success:
            engine.committed(at: MonotonicClock.nanoseconds)
            let leaving = gate.end()
            moment = Moment.read()
            for waiting in leaving { reply(waiting) }
            endTurn()
            if gate.wantsAnother(isDirty: engine.isDirty) {
                commit()
            } else if stopped != nil {
                finishConnections()
            }
        case .failure(let failure): fail(failure)
        }
    }

    private func pass(_ waiting: Waiting, _ place: String) {
        if let point = waiting.point { faults?.pass("\(point)-\(place)") }
    }

    private func reply(_ waiting: Waiting) {
        connections[waiting.connection]?.send(waiting.frame, answers: true)
    }

    private func fail(_ failure: StoreFailure) {
        log.critical("the namespace cannot be written", metadata: ["reason": "\(failure.reason)"])
        onFailure(failure)
    }

    /// A message's frame; one that is too long becomes a refusal, since the caller waits for
    /// something.
    private func frame(_ reply: ControlReply, _ encoded: [UInt8]? = nil) -> [UInt8] {
        do {
            return try ReplyWriter.frame(encoded ?? ReplyWriter.body(reply))
        } catch {
            log.error("an answer is too long", metadata: ["request": "\(reply.requestID)"])
            let refusal = Refusal(.internal, "the answer is longer than a message may be")
            return frame(refusal.reply(to: reply.requestID))
        }
    }

    private func frame(_ reply: ControlHelloReply) -> [UInt8] {
        do { return try ControlFrame.encode(reply) } catch {
            preconditionFailure("a HelloReply is short: \(error)")
        }
    }

    // MARK: Time

    private func tick() {
        dispatchPrecondition(condition: .onQueue(queue))
        moment = Moment.read()
        let now = moment.now
        defer { endTurn() }
        listener?.resume()
        for connection in connections.values where connection.cutOff(now: now) {
            engine.count { $0.connectionsCutOff &+= 1 }
            log.info("connection cut off: no progress", metadata: ["peer": "\(connection.peer)"])
        }
        tellGivenWay(now: now)
        if stopped != nil {
            if now >= drainEnd { for connection in connections.values { connection.close() } }
            return
        }
        do {
            write(try engine.tick(at: moment))
            if engine.isDirty { commit() }
        } catch {
            fail(error)
        }
    }

    /// At most once a second, however many come.
    private func tellGivenWay(now: Int64) {
        guard gaveWay > 0, now - gaveWayTold >= 1_000 else { return }
        log.warning(
            "all places were taken: idle connections gave way", metadata: ["count": "\(gaveWay)"])
        gaveWay = 0
        gaveWayTold = now
    }

    private func write(_ notices: [Notice]) {
        for notice in notices {
            log.log(
                level: notice.level, "\(notice.message)",
                metadata: notice.details.mapValues { .string($0) })
        }
    }

    // MARK: The end

    private func stopOnQueue(then done: @escaping @Sendable () -> Void) {
        guard stopped == nil else { return }
        stopped = done
        drainEnd = BootClock.milliseconds + timing.drainMs
        listener?.stop()
        listener = nil
        // Replies that wait for a commit leave first.
        if !gate.isCommitting { finishConnections() }
    }

    private func finishConnections() {
        for connection in connections.values { connection.finish() }
        if connections.isEmpty { finishStop() }
    }

    private func finishStop() {
        guard let done = stopped, let timer else { return }
        timer.cancel()
        self.timer = nil
        poller?.stop()
        poller = nil
        done()
    }
}
