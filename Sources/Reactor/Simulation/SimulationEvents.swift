/// What happens at an instant of virtual time.
enum SimulationEvent {
    /// An operation ends: a file's operation has its effect now, others had theirs.
    case complete(SimulatedOperation)
    /// A zero-copy send's memory is given back.
    case notify(SimulatedOperation)
    /// The oldest segment under way to this socket arrives.
    case deliver(SimulatedSocket)
    /// A connect reaches the other side, or tries to.
    case connect(SimulatedOperation)
    /// Bytes to this socket may have been unanswered for too long.
    case timeout(SimulatedSocket)
    /// A write that its disk answered too early is made.
    case land(EarlyWrite)
}

/// When an event happens: by time, then by an order that faults may draw, then by age.
struct EventKey: Comparable {
    var time: UInt64
    var order: UInt64

    static func < (left: Self, right: Self) -> Bool {
        left.time != right.time ? left.time < right.time : left.order < right.order
    }

    /// The next key after this one at the same instant.
    var successor: Self { Self(time: time, order: order + 1) }
}

/// Events to come, soonest first: a binary heap.
struct SimulationEvents {
    private struct Entry {
        var key: EventKey
        var sequence: UInt64
        var event: SimulationEvent

        func isBefore(_ other: Self) -> Bool {
            key != other.key ? key < other.key : sequence < other.sequence
        }
    }

    private var heap: [Entry] = []
    private var sequence: UInt64 = 0

    var nextTime: UInt64? { heap.first?.key.time }
    var count: Int { heap.count }

    /// The key an event gets that is scheduled now: after everything scheduled before it for
    /// `time`, moved by up to `shift` places.
    mutating func key(at time: UInt64, shift: Int = 0) -> EventKey {
        sequence += 1
        // 256 keys to each place, so that a successor lies between two places.
        return EventKey(time: time, order: (sequence + UInt64(shift)) << 8)
    }

    mutating func insert(_ event: SimulationEvent, _ key: EventKey) {
        sequence += 1
        heap.append(Entry(key: key, sequence: sequence, event: event))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    /// Takes the soonest event if its time is not after `time`.
    mutating func take(notAfter time: UInt64) -> SimulationEvent? {
        guard let first = heap.first, first.key.time <= time else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            sink()
        }
        return first.event
    }

    private mutating func sink() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].isBefore(heap[least]) {
                least = child
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
