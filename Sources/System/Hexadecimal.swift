/// `number` in lower-case hexadecimal, padded with zeros to `digits`.
package func hexadecimal(_ number: some FixedWidthInteger & UnsignedInteger, digits: Int) -> String
{
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}

/// Two digits for each byte.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { hexadecimal($0, digits: 2) }.joined()
}

extension FixedWidthInteger where Self: UnsignedInteger {
    /// Reads digits of either case and nothing else: `init(_:radix:)` would take a sign too.
    package init?(hexadecimal text: some StringProtocol) {
        guard text.utf8.allSatisfy(isHexadecimalDigit) else { return nil }
        self.init(text, radix: 16)
    }
}

extension [UInt8] {
    /// Reads two digits for each byte, and nothing else.
    package init?(hexadecimal text: some StringProtocol) {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2), digits.allSatisfy(isHexadecimalDigit) else {
            return nil
        }
        self = stride(from: 0, to: digits.count, by: 2).map { place in
            value(digits[place]) << 4 | value(digits[place + 1])
        }
    }
}

private func isHexadecimalDigit(_ character: UInt8) -> Bool {
    switch character {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
}

/// Of a digit. Letters of both cases have their place in the alphabet in their low bits.
private func value(_ digit: UInt8) -> UInt8 {
    digit <= 0x39 ? digit - 0x30 : (digit & 0x0f) + 9
}
