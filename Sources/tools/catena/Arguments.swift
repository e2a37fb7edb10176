import ArgumentParser
import Client
import System
import ToolSupport

/// An argument such as `64KiB`.
struct SizeArgument: ExpressibleByArgument {
    let bytes: UInt64

    init?(argument: String) {
        guard let bytes = ByteSize.parse(argument) else { return nil }
        self.bytes = bytes
    }
}

extension CloseDurability: ExpressibleByArgument {}

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
