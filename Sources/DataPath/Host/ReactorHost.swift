import Glibc
import Logging
import Reactor
import System
import Wire

/// The reactors of one datanode process, each a thread with a ring of its own, and the one way to
/// speak to them.
final class ReactorHost: Sendable {
    /// What every reactor begins with.
    struct Plan: Sendable {
        var settings: DatanodeSettings
        var host: HostSettings
        var identity: Identity
        var directories: [DataDirectory]
        var index: BlockIndex
        var observer: any BlockObserver & Sendable
        /// What each hears before its first connection.
        var mail: [Mail] = []
        /// What is to go wrong on each.
        var faults: [RingFault] = []
    }

    private struct Ready: Sendable {
        let mail: Mailbox<Mail>
        let door: ReactorDoor?
        let pages: BufferRegion.Pages
    }

    private struct Start: Sendable {
        let thread: ReactorThread
        let ready = Rendezvous<Result<Ready, RingFailure>>()
        /// The others' doors; `nil`: one of them could not start.
        let go = Rendezvous<[ReactorDoor]?>()

        /// On its own thread, which makes the ring and touches its buffers first.
        init(
            _ plan: Plan, _ listener: Listener, _ share: ReactorShare, on cpus: [Int]
        ) throws(RingFailure) {
            let ready = self.ready
            let go = self.go
            thread = try ReactorThread("catena-react.\(share.number)") {
                do throws(RingFailure) {
                    try ThreadPlacement.run(on: cpus)
                    let ring = try KernelRing(ReactorHost.ring(plan.settings))
                    if plan.faults.isEmpty {
                        try Self.serve(ring, plan, listener, share, ready, go)
                    } else {
                        try Self.serve(
                            FaultRing(ring, plan.faults), plan, listener, share, ready, go)
                    }
                } catch {
                    ready.fulfil(.failure(error))
                }
            }
        }

        private static func serve<Ring: RingBackend & ~Copyable>(
            _ ring: consuming Ring, _ plan: Plan, _ listener: Listener, _ share: ReactorShare,
            _ ready: Rendezvous<Result<Ready, RingFailure>>, _ go: Rendezvous<[ReactorDoor]?>
        ) throws(RingFailure) {
            var datanode = try ReactorHost.datanode(ring, plan, listener, share)
            ready.fulfil(
                .success(
                    Ready(mail: datanode.mail, door: datanode.door, pages: datanode.pages)))
            guard let doors = go.wait() else { return }
            if !share.isWhole { datanode.join(doors) }
            datanode.serve()
        }
    }

    typealias Listener = (descriptor: Descriptor, address: SocketAddress)

    private let mailboxes: [Mailbox<Mail>]
    private let threads: [ReactorThread]

    /// Refuses settings that do not fit together.
    static func check(_ budget: Budget) throws(StartFailure) {
        do throws(BudgetFailure) {
            try budget.check()
        } catch {
            throw StartFailure(.configuration, error.description)
        }
    }

    /// Opens the listening socket, on the port others will be told of.
    static func listen(
        on address: SocketAddress, _ settings: DatanodeSettings
    ) throws(StartFailure) -> Listener {
        do throws(RingFailure) {
            return try KernelRing.listen(
                on: address, backlog: 1024, congestion: settings.congestion)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Makes rings and datanodes on their threads, and waits until they serve.
    init(_ plan: Plan, _ listener: Listener, _ log: Logger) throws(StartFailure) {
        let placement = try Self.placement(plan, listener.address)
        let count = plan.host.reactors
        var starts: [Start] = []
        var ready: [Ready] = []
        var failed: RingFailure?
        for number in 0..<count where failed == nil {
            do throws(RingFailure) {
                starts.append(
                    try Start(
                        plan, listener, ReactorShare(number: number, of: count),
                        on: placement.cpus[number]))
            } catch {
                failed = error
            }
        }
        for start in starts {
            switch start.ready.wait() {
            case .success(let one): ready.append(one)
            case .failure(let failure): failed = failed ?? failure
            }
        }
        mailboxes = ready.map(\.mail)
        threads = starts.map(\.thread)
        if let failed {
            for start in starts { start.go.fulfil(nil) }
            for thread in threads { thread.join() }
            throw Self.failure(failed)
        }
        for start in starts { start.go.fulfil(ready.compactMap(\.door)) }
        Self.tell(plan, placement, ready.map(\.pages), log)
    }

    /// Tells every reactor, or the one that is meant. `false`: a mailbox was full, and its reactor
    /// did not hear it.
    func post(_ message: Mail) -> Bool {
        let share = ReactorShare(number: 0, of: mailboxes.count)
        switch message {
        case .delete(let deletion):
            return mailboxes[share.owner(of: deletion.block)].post(message) != .busy
        case .scrub(.some(let block)):
            return mailboxes[share.owner(of: block)].post(message) != .busy
        default: break
        }
        var isHeard = true
        for mailbox in mailboxes where mailbox.post(message) == .busy { isHeard = false }
        return isHeard
    }

    /// Tells every reactor, however long it takes to make room: a reactor empties its mailbox in
    /// every turn.
    func deliver(_ message: Mail) {
        for mailbox in mailboxes {
            while mailbox.post(message) == .busy { usleep(1_000) }
        }
    }

    /// Gives spare files each to the reactor that its number names, so that no two have one; waits
    /// for room in the mailboxes.
    func offer(_ spares: [RecycledFiles.File], of device: Int) {
        let share = ReactorShare(number: 0, of: mailboxes.count)
        for (number, mailbox) in mailboxes.enumerated() {
            let own = spares.filter { share.owner(of: BlockID($0.number)) == number }
            guard !own.isEmpty else { continue }
            while mailbox.post(.spares(device: device, own)) == .busy { usleep(10_000) }
        }
    }

    /// Ends what is open and waits for the threads.
    func stop() {
        for mailbox in mailboxes {
            while mailbox.post(.stop) == .busy { usleep(1_000) }
        }
        for thread in threads { thread.join() }
    }

    private static func placement(
        _ plan: Plan, _ address: SocketAddress
    ) throws(StartFailure) -> ReactorPlacement {
        let nic = SystemFiles.interface(of: address).flatMap {
            SystemFiles.numaNode(of: "/sys/class/net/\($0)/device")
        }
        let device = SystemFiles.blockEntry(of: plan.directories[0].path).flatMap {
            SystemFiles.numaNode(of: $0)
        }
        return try ReactorPlacement(
            plan.host,
            on: ReactorPlacement.Host(
                allowed: ThreadPlacement.allowed(), nodes: SystemFiles.numaNodes(),
                nearest: nic ?? device))
    }

    private static func datanode<Ring: RingBackend & ~Copyable>(
        _ ring: consuming Ring, _ plan: Plan, _ listener: Listener, _ share: ReactorShare
    ) throws(RingFailure) -> Datanode<Ring> {
        let part = share.part(of: plan.index, devices: plan.directories.count)
        let datanode = try Datanode(
            ring: ring, listener: (listener.descriptor, listener.address), identity: plan.identity,
            settings: plan.settings,
            devices: zip(plan.directories, part.usedBytes).map {
                $0.device(
                    usedBytes: $1,
                    recycleBytes: $0.spareBytes(plan.settings, reactors: share.count)
                        / UInt64(share.count))
            },
            index: part.index, observer: plan.observer, share: share)
        for message in plan.mail {
            let answer = datanode.mail.post(message)
            precondition(answer == .taken, "an empty mailbox takes what it begins with")
        }
        return datanode
    }

    static func ring(_ settings: DatanodeSettings) -> KernelRing.Settings {
        let budget = settings.budget
        var ring = KernelRing.Settings()
        ring.congestion = settings.congestion
        ring.files = UInt32(
            budget.connections + budget.writeStreams + budget.readStreams + Budget.devices)
        // A zero-copy send completes twice.
        ring.completions = UInt32(
            min(
                (budget.operations + budget.payloadBuffers).nextPowerOfTwo,
                Int(KernelRing.Settings.mostCompletions)))
        return ring
    }

    private static func tell(
        _ plan: Plan, _ placement: ReactorPlacement, _ pages: [BufferRegion.Pages], _ log: Logger
    ) {
        if plan.settings.usesHugePages, let other = pages.first(where: { $0 != .huge }) {
            log.warning(
                "not enough huge pages for the buffers: raise vm.nr_hugepages",
                metadata: ["buffers": "\(other.rawValue)"])
        }
        log.info(
            "reactors",
            metadata: [
                "count": "\(pages.count)",
                "cpus": "\(placement.cpus.map { $0.isEmpty ? "any" : CPUList.format($0) })",
                "numa": "\(placement.node.map { "\($0)" } ?? "any")",
                "pages": "\(pages.map(\.rawValue))",
            ])
    }

    private static func failure(_ failure: RingFailure) -> StartFailure {
        StartFailure(.system, failure.description)
    }
}

extension Int {
    fileprivate var nextPowerOfTwo: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}
