import Glibc

/// A cluster's secret on disk: 64 hexadecimal digits and a line end.
package enum SecretFile {
    /// Bytes of a secret.
    package static let count = 32
    /// A file that is longer holds something else.
    private static let most = 256

    package enum Failure: Error, Equatable, CustomStringConvertible {
        case unreadable(errno: CInt)
        /// It holds something else.
        case malformed

        /// What follows the file's name in a sentence.
        package var description: String {
            switch self {
            case .unreadable(let number): "cannot be read (\(errorText(number)))"
            case .malformed: "does not hold 64 hexadecimal digits"
            }
        }
    }

    package static func text(of secret: [UInt8]) -> String {
        precondition(secret.count == count, "a cluster secret has 32 bytes")
        return hexadecimal(secret) + "\n"
    }

    /// White space around the digits may be there, as editors and templates leave it.
    package static func read(_ path: String) throws(Failure) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .unreadable(errno: errno) }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: most + 1)
        var filled = 0
        while filled < bytes.count {
            let result = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(
                    file, buffer.baseAddress.unsafelyUnwrapped + filled, buffer.count - filled)
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw .unreadable(errno: errno) }
            if result == 0 { break }
            filled += result
        }
        guard filled <= most, let secret = parse(bytes[..<filled]) else { throw .malformed }
        return secret
    }

    private static func parse(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0d).contains($0) }
        let digits = bytes.drop(while: isSpace).reversed().drop(while: isSpace).reversed()
        guard digits.count == count * 2 else { return nil }
        return [UInt8](hexadecimal: String(decoding: digits, as: UTF8.self))
    }
}
