/// Every operation the ring may hold at once, in one block of memory that never moves or grows.
///
/// Beside each operation lie `scratchBytes` of memory for what the kernel reads by address and the
/// submitter does not keep: a socket address, a path, a message header. It is stable until the
/// operation's last completion.
public struct OperationSlab: ~Copyable {
    public static let scratchBytes = 192

    public let capacity: Int
    public private(set) var active = 0

    @usableFromInline
    let operations: UnsafeMutablePointer<Operation>
    @usableFromInline
    let scratch: UnsafeMutableRawPointer
    @usableFromInline
    var firstFree: Int32 = 0

    public init(capacity: Int) {
        precondition(
            capacity > 0 && capacity <= Int(Int32.max), "an operation slab has 1 to 2^31 slots")
        self.capacity = capacity
        operations = .allocate(capacity: capacity)
        scratch = .allocate(byteCount: capacity * Self.scratchBytes, alignment: 64)
        for index in 0..<capacity {
            operations[index] = Operation(
                generation: 1, nextFree: index + 1 < capacity ? Int32(index + 1) : -1,
                isActive: false, kind: 0, owner: 0, buffer: nil, argument: 0, length: 0)
        }
    }

    deinit {
        operations.deallocate()
        scratch.deallocate()
    }

    @inlinable
    public var isFull: Bool { firstFree < 0 }

    /// Takes a slot. A full slab is our own bug: budgets are summed before anything starts.
    @inlinable
    public mutating func begin(_ context: OperationContext, length: UInt32) -> OperationToken {
        precondition(firstFree >= 0, "more operations than the reactor's budget")
        let slot = Int(firstFree)
        firstFree = operations[slot].nextFree
        operations[slot].isActive = true
        operations[slot].kind = context.kind
        operations[slot].owner = context.owner
        operations[slot].buffer = context.buffer
        operations[slot].argument = context.argument
        operations[slot].length = length
        countBegin()
        return OperationToken(
            kind: context.kind, generation: operations[slot].generation, slot: UInt32(slot))
    }

    @usableFromInline
    mutating func countBegin() { active += 1 }
    @usableFromInline
    mutating func countEnd() { active -= 1 }

    /// The operation behind a token, or `nil` when it ended before.
    @inlinable
    public func find(_ token: OperationToken) -> Operation? {
        let slot = Int(token.slot)
        guard token.bits != 0, slot < capacity, operations[slot].isActive,
            operations[slot].generation == token.generation
        else { return nil }
        return operations[slot]
    }

    /// Gives the slot back; its tokens are stale from now on.
    @inlinable
    public mutating func end(_ token: OperationToken) {
        let slot = Int(token.slot)
        precondition(
            operations[slot].isActive && operations[slot].generation == token.generation,
            "an operation ends once")
        operations[slot].isActive = false
        operations[slot].generation = (operations[slot].generation &+ 1) & 0xff_ffff
        if operations[slot].generation == 0 { operations[slot].generation = 1 }
        operations[slot].nextFree = firstFree
        firstFree = Int32(slot)
        countEnd()
    }

    @inlinable
    public func scratch(of token: OperationToken) -> UnsafeMutableRawPointer {
        scratch + Int(token.slot) * Self.scratchBytes
    }
}
