import ToolSupport

/// What a terminal shows each second.
package struct LiveLine: Sendable, Equatable {
    package let task: Phase.Task
    package private(set) var seconds = 0
    private var operations: UInt64 = 0
    private var bytes: UInt64 = 0
    private var failed: UInt64 = 0
    private var operationsBefore: UInt64 = 0
    private var bytesBefore: UInt64 = 0

    package init(task: Phase.Task) { self.task = task }

    /// A second has passed.
    package mutating func advance(
        _ counts: [(operations: UInt64, bytes: UInt64, failed: UInt64)]
    ) {
        seconds += 1
        operationsBefore = operations
        bytesBefore = bytes
        operations = counts.reduce(0) { $0 + $1.operations }
        bytes = counts.reduce(0) { $0 + $1.bytes }
        failed = counts.reduce(0) { $0 + $1.failed }
    }

    package var text: String {
        let rate = ByteSize.formatRate(Double(bytes - min(bytes, bytesBefore)))
        let each = operations - min(operations, operationsBefore)
        return "\(task.rawValue) \(seconds)s  \(rate)  \(each) ops/s  \(operations) done  "
            + "\(failed) failed\n"
    }
}
