import ControlClient
import Reactor
import System
import Transport
import Wire

/// Calls to namenodes over the ring that carries the streams, so that an owner of thousands of
/// streams neither blocks nor needs a thread for them.
///
/// One send and one receive at most are in flight per connection. What is called for between two
/// turns leaves in one send; what a namenode said lies in its connection until the owner takes it,
/// and meanwhile nothing more is received there.
struct ControlLinks<Ring: RingBackend & ~Copyable>: ~Copyable {
    private var table: Slab<ControlLink>
    var calls: ControlCalls
    /// Where each of them receives.
    private let memory: UnsafeMutableRawPointer
    /// Those with something to send.
    private var senders: WaitList

    init(_ settings: EngineSettings) {
        let places = max(1, settings.controls)
        table = Slab(capacity: places)
        calls = ControlCalls(settings)
        memory = .allocate(byteCount: places * ControlLink.receiveBytes, alignment: 64)
        senders = WaitList(places: places)
    }

    deinit { memory.deallocate() }

    var count: Int {
        @inline(__always) get { table.count }
    }

    @inline(__always)
    func at(_ link: ControlIndex) -> UnsafeMutablePointer<ControlLink> { table.at(link) }

    // MARK: Connecting

    /// - Returns: `nil` at the bound.
    mutating func begin(
        to endpoint: Endpoint, at address: SocketAddress, _ cluster: ClusterID?, software: String,
        _ core: inout StreamCore<Ring>
    ) -> ControlID? {
        guard table.count < core.settings.controls else { return nil }
        let hello = Greeting.hello(role: .client, cluster: cluster, software: software)
        guard let link = table.insert(ControlLink(endpoint, hello: hello, cluster)) else {
            return nil
        }
        let role = StreamRole(.control(link))
        guard let connection = core.transport.dial(address, role, .stream) else {
            preconditionFailure("every connection within its bound has a place")
        }
        at(link).pointee.connection = connection
        watch(link, &core)
        return ControlID(index: link)
    }

    /// What happened on its connection.
    mutating func heard(
        _ link: ControlIndex, _ news: ConnectionNews, _ core: inout StreamCore<Ring>
    ) {
        switch news {
        case .none, .letGo: break
        case .opened: greet(link, &core)
        case .bytes(let count): received(link, count, &core)
        case .sent: if !at(link).pointee.queued.isEmpty { senders.add(link.place) }
        case .noSocket(let number), .unreachable(let number), .ended(let number, _, _),
            .notSent(let number, _, _):
            fail(link, at(link).pointee.unreachable(number), &core)
        case .closed:
            if let connection = at(link).pointee.connection { core.transport.remove(connection) }
            at(link).pointee.connection = nil
            removeIfSettled(link, &core)
        case .header, .badHeader, .payload, .body, .lingered:
            preconditionFailure("a namenode's connection carries bytes")
        }
    }

    private mutating func greet(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        at(link).pointee.phase = .greeting
        let hello = at(link).pointee.hello
        at(link).pointee.queued = Self.framed { () throws(ControlFrame.Failure) in
            try ControlFrame.encode(hello)
        }
        senders.add(link.place)
        receive(link, &core)
    }

    // MARK: Calling

    @inline(__always)
    func isOpen(_ link: ControlIndex) -> Bool {
        table.isUsed(link) && at(link).pointee.phase == .open
    }

    /// - Returns: `nil` at the bound of calls or bytes, and while the connection is not open.
    mutating func call(
        _ operation: ControlRequest.OneOf_Operation, over link: ControlIndex,
        _ core: inout StreamCore<Ring>
    ) -> CallID? {
        let entry = at(link)
        guard entry.pointee.phase == .open,
            entry.pointee.unanswered < core.settings.callsPerControl,
            entry.pointee.queued.count < ControlLink.queueBytes,
            let (call, request) = calls.begin(operation, over: link)
        else { return nil }
        entry.pointee.queued += Self.framed { () throws(ControlFrame.Failure) in
            try ControlFrame.encode(request)
        }
        if entry.pointee.unanswered == 0 { watch(link, &core) }
        entry.pointee.unanswered += 1
        senders.add(link.place)
        return call
    }

    private static func framed(
        _ encode: () throws(ControlFrame.Failure) -> [UInt8]
    ) -> [UInt8] {
        do throws(ControlFrame.Failure) { return try encode() } catch {
            preconditionFailure("what is said to a namenode fits a control message: \(error)")
        }
    }

    /// Starts the sends of what was called for since the last turn.
    mutating func sendCalls(_ core: inout StreamCore<Ring>) {
        while let place = senders.popFirst() {
            let link = ControlIndex(place)
            let entry = at(link)
            guard entry.pointee.isTalking, let connection = entry.pointee.connection else {
                removeIfSettled(link, &core)
                continue
            }
            guard !core.transport.at(connection).isSending, !entry.pointee.queued.isEmpty else {
                continue
            }
            entry.pointee.sending.fill(entry.pointee.queued)
            entry.pointee.queued.removeAll(keepingCapacity: true)
            core.transport.send(
                connection, kind: EngineOperation.sendControl.rawValue,
                entry.pointee.sending.start, count: entry.pointee.sending.count)
        }
    }

    // MARK: Receiving

    /// Receives what comes next, unless that is under way.
    mutating func receive(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        guard let connection = at(link).pointee.connection,
            core.transport.at(connection).canReceive
        else { return }
        core.transport.receiveBytes(
            connection, at: memory(of: link), count: ControlLink.receiveBytes)
    }

    private mutating func received(
        _ link: ControlIndex, _ count: Int, _ core: inout StreamCore<Ring>
    ) {
        let bytes = UnsafeRawBufferPointer(start: memory(of: link), count: count)
        at(link).pointee.decoder.append(bytes)
        // The next receive begins when these are taken.
        core.news.add(.control(link))
    }

    private func memory(of link: ControlIndex) -> UnsafeMutableRawPointer {
        memory + link.place * ControlLink.receiveBytes
    }

    // MARK: Its deadline

    /// The namenode owes something from now on.
    mutating func watch(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        core.arm(.control(link), within: core.settings.callTimeout)
    }

    mutating func expired(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        guard table.isUsed(link) else { return }
        let milliseconds = Int64(core.settings.callTimeout / 1_000_000)
        fail(
            link, .timedOut(address: at(link).pointee.name, milliseconds: milliseconds), &core)
    }

    // MARK: The end

    mutating func endAll(_ core: inout StreamCore<Ring>) {
        for link in table.places where table.isUsed(link) { end(link, &core) }
    }

    /// Gives a connection up. Its calls are over, without an event.
    mutating func end(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        guard table.isUsed(link), at(link).pointee.phase != .closing else { return }
        at(link).pointee.phase = .closing
        calls.endAll(of: link)
        close(link, &core)
        removeIfSettled(link, &core)
    }

    /// Nothing more comes of this connection: its calls fail one by one, then it does.
    mutating func fail(
        _ link: ControlIndex, _ failure: ControlFailure, _ core: inout StreamCore<Ring>
    ) {
        let entry = at(link)
        guard entry.pointee.phase != .failed, entry.pointee.phase != .closing else { return }
        entry.pointee.phase = .failed
        entry.pointee.failure = failure
        close(link, &core)
        core.news.add(.control(link))
    }

    private mutating func close(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        core.rest(.control(link))
        if let connection = at(link).pointee.connection { core.transport.close(connection) }
    }

    /// It is freed when its owner has heard all and the kernel has let go of its memory.
    mutating func removeIfSettled(_ link: ControlIndex, _ core: inout StreamCore<Ring>) {
        guard table.isUsed(link) else { return }
        guard at(link).pointee.phase == .closing, at(link).pointee.connection == nil,
            !core.news.contains(.control(link)), !senders.contains(link.place)
        else { return }
        table.remove(link)
    }

    // MARK: What holds

    mutating func checkInvariants(_ core: inout StreamCore<Ring>) {
        for link in table.places where table.isUsed(link) {
            at(link).pointee.checkInvariants(core.settings, calls: calls.count(of: link))
            guard let connection = at(link).pointee.connection else { continue }
            precondition(
                core.transport.at(connection).role.party == .control(link),
                "a link and its connection agree")
        }
    }
}
