import CURing
import Glibc

/// What a simulated ring is to its world: queues, tables, operations in flight.
final class SimulatedRingCore {
    unowned let world: SimulatedWorld
    let node: SimulatedNode
    let settings: KernelRing.Settings
    var region: UnsafeRawBufferPointer?
    private(set) var isClosed = false

    private var files: DescriptorTable<SimulatedObject>
    private var ownedPlain: [Int32] = []
    private var queued: [(request: Request, token: OperationToken)] = []
    private var refusedOnce = false
    private var completions: [Completion] = []
    private var reaped = 0
    private var inFlight: [UInt64: SimulatedOperation] = [:]
    private var byToken: [UInt64: UInt64] = [:]
    private var memory = MemoryLedger()
    private var lastNumber: UInt64 = 0

    init(world: SimulatedWorld, node: SimulatedNode, settings: KernelRing.Settings) {
        self.world = world
        self.node = node
        self.settings = settings
        files = DescriptorTable(capacity: Int(settings.files))
    }

    // MARK: Queues

    var hasQueued: Bool { !queued.isEmpty }
    var hasCompletions: Bool { reaped < completions.count }

    func prepare(_ request: Request, _ token: OperationToken) -> Bool {
        guard queued.count < Int(settings.submissions) else { return false }
        // Never twice in a row, so that a submitter that tries again makes progress at any rate.
        if !refusedOnce, world.random.chance(world.faults.queueFullRate) {
            refusedOnce = true
            return false
        }
        refusedOnce = false
        queued.append((request, token))
        return true
    }

    func submit() {
        guard !isClosed else {
            queued = []
            return
        }
        let taken = queued
        queued.removeAll(keepingCapacity: true)
        for entry in taken { begin(entry.request, entry.token) }
        world.runDue()
    }

    func reap(into target: UnsafeMutablePointer<Completion>, limit: Int) -> Int {
        let count = min(limit, completions.count - reaped)
        for index in 0..<count { target[index] = completions[reaped + index] }
        reaped += count
        if reaped == completions.count {
            completions.removeAll(keepingCapacity: true)
            reaped = 0
        }
        return count
    }

    private func post(_ operation: SimulatedOperation, _ result: Int32, flags: UInt32) {
        precondition(
            completions.count - reaped < Int(settings.completions),
            "the completion queue holds every operation's budget")
        completions.append(Completion(token: operation.token, result: result, flags: flags))
        world.record(operation.token.bits, result, flags)
    }

    // MARK: Descriptors

    /// - Returns: the lowest free index of the fixed file table, or `nil` when it is full.
    func install(_ object: SimulatedObject) -> Int32? {
        guard let index = files.insert(object) else { return nil }
        object.hold()
        return index
    }

    func openPlain(_ object: SimulatedObject) -> Int32? {
        guard let number = node.plain.insert(object) else { return nil }
        object.hold()
        ownedPlain.append(number)
        return number
    }

    func object(_ descriptor: Descriptor) -> SimulatedObject? {
        guard !descriptor.isNone else { return nil }
        return descriptor.isFixed ? files[descriptor.number] : node.plain[descriptor.number]
    }

    func closeDescriptor(_ descriptor: Descriptor) -> Int32 {
        guard !descriptor.isNone else { return -EBADF }
        let object: SimulatedObject?
        if descriptor.isFixed {
            object = files.remove(descriptor.number)
        } else {
            object = node.plain.remove(descriptor.number)
            // Any ring of the process may close what another opened.
            for ring in node.rings { ring.ownedPlain.removeAll { $0 == descriptor.number } }
        }
        guard let object else { return -EBADF }
        object.letGo()
        return 0
    }

    // MARK: Operations

    private func begin(_ request: Request, _ token: OperationToken) {
        lastNumber += 1
        let operation = SimulatedOperation(
            number: lastNumber, token: token, request: request, ring: self, startedAt: world.time)
        inFlight[lastNumber] = operation
        if token != .nobody { byToken[token.bits] = lastNumber }
        memory.take(operation)
        if let source = operation.source {
            operation.checksum = SimulatedOperation.checksum(of: source)
        }
        start(operation)
    }

    func find(_ token: OperationToken) -> SimulatedOperation? {
        byToken[token.bits].flatMap { inFlight[$0] }
    }

    /// Decides a result; the completion comes with the drawn delay, and behind `last`.
    func settle(_ operation: SimulatedOperation, _ result: Int32, after last: inout EventKey?) {
        var key = world.completionKey(after: 0)
        if let previous = last, key <= previous { key = previous.successor }
        last = key
        settle(operation, result, at: key)
    }

    /// As above, `latency` nanoseconds from now and in no order to others.
    func settle(_ operation: SimulatedOperation, _ result: Int32, latency: UInt64 = 0) {
        settle(operation, result, at: world.completionKey(after: latency))
    }

    private func settle(_ operation: SimulatedOperation, _ result: Int32, at key: EventKey) {
        precondition(operation.phase == .waiting, "an operation has one result")
        operation.phase = .settled
        operation.result = result
        world.events.insert(.complete(operation), key)
    }

    func complete(_ operation: SimulatedOperation) {
        guard !isClosed else { return }
        if operation.phase == .settled, operation.isOfFile {
            operation.result = perform(operation)
        }
        operation.checkSource()
        operation.phase = .completed
        operation.object?.letGo()
        operation.object = nil
        let failed = operation.result < 0
        // A failed zero-copy send may or may not be followed by a notification; its flags say
        // which.
        operation.notifies = operation.isZeroCopy && (!failed || world.random.chance(0.5))
        post(operation, operation.result, flags: operation.notifies ? UInt32(IORING_CQE_F_MORE) : 0)
        guard operation.notifies else {
            finish(operation)
            return
        }
        if operation.outstanding == 0 { scheduleNotification(operation) }
    }

    func scheduleNotification(_ operation: SimulatedOperation) {
        guard !isClosed, operation.notifies else { return }
        let faults = world.faults
        let late =
            world.random.chance(faults.lateNotificationRate)
            ? world.random.pick(faults.notificationDelay) : 0
        world.events.insert(.notify(operation), world.completionKey(after: late))
    }

    func notify(_ operation: SimulatedOperation) {
        guard !isClosed else { return }
        operation.checkSource()
        let copied =
            world.random.chance(world.faults.copiedRate) ? CURING_NOTIF_USAGE_ZC_COPIED : 0
        post(operation, Int32(bitPattern: copied), flags: UInt32(IORING_CQE_F_NOTIF))
        finish(operation)
    }

    private func finish(_ operation: SimulatedOperation) {
        operation.phase = .ended
        inFlight[operation.number] = nil
        if byToken[operation.token.bits] == operation.number { byToken[operation.token.bits] = nil }
        memory.giveBack(operation)
    }

    // MARK: The end

    /// Ends the ring as a process's exit does: operations are dropped, descriptors closed.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        queued = []
        completions = []
        reaped = 0
        for number in inFlight.keys.sorted() { drop(inFlight[number]) }
        inFlight = [:]
        byToken = [:]
        for (number, object) in files.all {
            let removed = files.remove(number)
            precondition(removed === object, "a table entry is removed once")
            object.letGo()
        }
        for number in ownedPlain { node.plain.remove(number)?.letGo() }
        ownedPlain = []
        node.rings.removeAll { $0 === self }
    }

    private func drop(_ operation: SimulatedOperation?) {
        guard let operation else { return }
        (operation.object as? SimulatedSocket)?.withdraw(operation)
        (operation.object as? SimulatedListener)?.withdraw(operation)
        operation.phase = .ended
        operation.object?.letGo()
        operation.object = nil
    }

    /// Writes that were under way at a power cut, oldest first: each may have reached the device.
    func tearWrites() {
        for number in inFlight.keys.sorted() {
            guard let operation = inFlight[number], operation.phase == .settled,
                case .write = operation.request, world.random.chance(0.5)
            else { continue }
            _ = perform(operation)
        }
    }
}
