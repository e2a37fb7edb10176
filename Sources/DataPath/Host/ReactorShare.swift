import Wire

/// Which blocks of a datanode are one reactor's: those whose number leaves `number` when divided by
/// `count`. A block stays with its reactor for the process's life, so nothing of it is shared.
public struct ReactorShare: Sendable, Equatable {
    public let number: Int
    public let count: Int

    public init(number: Int, of count: Int) {
        precondition(count > 0 && number >= 0 && number < count, "a share is one of its count")
        self.number = number
        self.count = count
    }

    /// The only reactor's: every block.
    public static var whole: ReactorShare { ReactorShare(number: 0, of: 1) }

    public var isWhole: Bool { count == 1 }

    public func owner(of block: BlockID) -> Int { Int(block.number % UInt64(count)) }

    /// The blocks of an index that are in this share, and their bytes on each device.
    package func part(of index: BlockIndex, devices: Int) -> (
        index: BlockIndex, usedBytes: [UInt64]
    ) {
        var part = BlockIndex()
        var usedBytes = [UInt64](repeating: 0, count: devices)
        for (block, record) in index.records where owner(of: block) == number {
            part.set(block, record)
            usedBytes[record.device] += record.length
        }
        return (part, usedBytes)
    }
}
