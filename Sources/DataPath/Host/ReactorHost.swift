import Glibc
import Reactor
import Wire

/// The reactors of one datanode process, each a thread with a ring of its own, and the one way to
/// speak to them.
final class ReactorHost: Sendable {
    /// What every reactor begins with.
    struct Plan: Sendable {
        var settings: DatanodeSettings
        var identity: Identity
        var devices: [Device]
        var index: BlockIndex
        var observer: any BlockObserver & Sendable
        /// What it hears before its first connection.
        var mail: [Mail] = []
    }

    private struct Started: Sendable {
        let mail: Mailbox<Mail>
        let thread: ReactorThread
    }

    private let reactors: [Started]

    /// Refuses settings that do not fit together.
    static func check(_ budget: Budget) throws(StartFailure) {
        do throws(BudgetFailure) {
            try budget.check()
        } catch {
            throw StartFailure(.configuration, error.description)
        }
    }

    /// Opens the listening socket, on the port others will be told of.
    static func listen(on address: SocketAddress) throws(StartFailure) -> (
        Descriptor, SocketAddress
    ) {
        do throws(RingFailure) {
            return try KernelRing.listen(on: address, backlog: 1024)
        } catch {
            throw Self.failure(error)
        }
    }

    /// Makes rings and datanodes on their threads, and waits until they serve.
    init(_ plan: Plan, listener: (Descriptor, SocketAddress)) throws(StartFailure) {
        reactors = [try Self.start(plan, listener)]
    }

    /// Tells every reactor. `false`: a mailbox was full, and its reactor did not hear it.
    func post(_ message: Mail) -> Bool {
        var isHeard = true
        for reactor in reactors where reactor.mail.post(message) == .busy { isHeard = false }
        return isHeard
    }

    /// Ends what is open and waits for the threads.
    func stop() {
        for reactor in reactors {
            while reactor.mail.post(.stop) == .busy { usleep(1_000) }
        }
        for reactor in reactors { reactor.thread.join() }
    }

    private static func start(
        _ plan: Plan, _ listener: (Descriptor, SocketAddress)
    ) throws(StartFailure) -> Started {
        let result = Rendezvous<Result<Mailbox<Mail>, RingFailure>>()
        let thread = ReactorThread("catena-reactor") {
            do throws(RingFailure) {
                var datanode = try Datanode(
                    ring: KernelRing(Self.ring(plan.settings.budget)), listener: listener,
                    identity: plan.identity, settings: plan.settings, devices: plan.devices,
                    index: plan.index, observer: plan.observer)
                for message in plan.mail {
                    let answer = datanode.mail.post(message)
                    precondition(answer == .taken, "an empty mailbox takes what it begins with")
                }
                result.fulfil(.success(datanode.mail))
                datanode.serve()
            } catch {
                result.fulfil(.failure(error))
            }
        }
        switch result.wait() {
        case .success(let mail): return Started(mail: mail, thread: thread)
        case .failure(let failure):
            thread.join()
            throw Self.failure(failure)
        }
    }

    private static func ring(_ budget: Budget) -> KernelRing.Settings {
        var ring = KernelRing.Settings()
        ring.files = UInt32(budget.connections + budget.writeStreams + budget.readStreams)
        ring.completions = UInt32(clamping: budget.operations.nextPowerOfTwo)
        return ring
    }

    private static func failure(_ failure: RingFailure) -> StartFailure {
        StartFailure(failure.errno == EADDRINUSE ? .taken : .system, failure.description)
    }
}

extension Int {
    fileprivate var nextPowerOfTwo: Int {
        self <= 1 ? 1 : 1 << (Int.bitWidth - (self - 1).leadingZeroBitCount)
    }
}
