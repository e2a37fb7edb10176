import ArgumentParser
import Glibc
import Synchronization

/// The process's arguments as text. One that is not UTF-8 has a stand-in, which only the name of a
/// file takes (`LocalPath`): in a key its bytes would silently become other ones, and two keys
/// could turn into one.
enum Arguments {
    private struct Raw: Sendable {
        let number: Int
        let bytes: [UInt8]
        var isClaimed = false
    }

    private static let raw = Mutex<[String: Raw]>([:])

    /// Without the program's name.
    static var words: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { number in
            guard let argument = CommandLine.unsafeArgv[number] else { return nil }
            if let text = String(validatingCString: argument) { return text }
            let standIn = "\u{f8ff}\(number)"
            let bytes = (0..<strlen(argument)).map { UInt8(bitPattern: argument[$0]) }
            raw.withLock { $0[standIn] = Raw(number: number, bytes: bytes) }
            return standIn
        }
    }

    /// The bytes that an argument stands for.
    static func claim(_ argument: String) -> [UInt8] {
        raw.withLock { raw in
            raw[argument]?.isClaimed = true
            return raw[argument]?.bytes ?? Array(argument.utf8)
        }
    }

    /// The number of an argument that is not UTF-8 and is no file's name.
    static var unclaimed: Int? {
        raw.withLock { $0.values.filter { !$0.isClaimed }.map(\.number).min() }
    }
}

/// The name of a local file, of any bytes.
public struct LocalPath: ExpressibleByArgument, CustomStringConvertible, Equatable, Sendable {
    public let bytes: [UInt8]

    public init(bytes: [UInt8]) { self.bytes = bytes }

    public init(argument: String) { bytes = Arguments.claim(argument) }

    /// Standard input or output.
    public var isStandard: Bool { bytes == [UInt8(ascii: "-")] }

    public func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        (bytes + [0]).withUnsafeBufferPointer { buffer in
            buffer.withMemoryRebound(to: CChar.self) {
                body($0.baseAddress.unsafelyUnwrapped)
            }
        }
    }

    /// Bytes that are not UTF-8 are shown as `\xff`.
    public var description: String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return bytes.map { byte in
            byte < 0x80
                ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
        }.joined()
    }
}
