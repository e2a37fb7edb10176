import ArgumentParser
import Client
import System
import ToolSupport
import Wire

extension CloseDurability: ExpressibleByArgument {}

extension Identifier: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

/// A block's number as every tool shows it: 16 hexadecimal digits.
struct BlockArgument: ExpressibleByArgument {
    let block: BlockID

    init?(argument: String) {
        guard (1...16).contains(argument.utf8.count), let number = UInt64(hexadecimal: argument),
            number > 0, argument.first != "+"
        else { return nil }
        block = BlockID(number)
    }
}

/// A checksum as eight hexadecimal digits.
func checksumText(_ checksum: UInt32) -> String { hexadecimal(checksum, digits: 8) }

/// Bytes per second of a transfer; 0 when it took no measurable time.
func rate(_ bytes: UInt64, _ milliseconds: Int64) -> Double {
    milliseconds > 0 ? Double(bytes) * 1_000 / Double(milliseconds) : 0
}

/// `256 MiB in 1.2s, 214.7 MB/s`.
func transferText(_ bytes: UInt64, _ milliseconds: Int64) -> String {
    let speed = rate(bytes, milliseconds)
    let taken = "\(ByteSize.format(bytes)) in \(TimeSpan.format(milliseconds))"
    return speed > 0 ? "\(taken), \(ByteSize.formatRate(speed))" : taken
}
