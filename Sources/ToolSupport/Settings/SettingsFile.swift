internal import Configuration
import ControlClient
import Glibc
import Synchronization
import System

/// A YAML configuration file, read whole and with every key in it known by name.
struct SettingsFile {
    let path: String
    let snapshot: YAMLSnapshot?
    /// Every key that has a value, nested ones joined with dots, sorted.
    let keys: [String]

    /// A configuration is some lines; a longer file is a mistake.
    static let mostBytes = 1 << 20

    /// 0 when this user may read the file, or else the error number.
    static func access(_ path: String) -> CInt {
        faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 ? 0 : errno
    }

    static func load(_ path: String) throws(ToolFailure) -> SettingsFile {
        let bytes = try read(path)
        // YAML calls a file of comments an empty document, which is not a mapping; to people it is
        // an empty file.
        let isBlank = bytes.split(separator: UInt8(ascii: "\n")).allSatisfy { line in
            let text = line.drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\r") }
            return text.isEmpty || text.first == UInt8(ascii: "#")
        }
        if isBlank { return SettingsFile(path: path, snapshot: nil, keys: []) }
        // The parser asks about every key whether it is a secret; that is how the names are
        // learned.
        let names = Names()
        do {
            let snapshot = try YAMLSnapshot(
                data: bytes.span.bytes, providerName: path,
                parsingOptions: .init(
                    secretsSpecifier: .dynamic { key, _ in
                        names.list.withLock { $0.append(key) }
                        return key.contains("secret")
                    }))
            let keys = names.list.withLock { $0.sorted() }
            return SettingsFile(path: path, snapshot: snapshot, keys: keys)
        } catch {
            throw ToolFailure(
                .configuration, "the configuration file \(path) cannot be read: \(error)")
        }
    }

    private final class Names: Sendable {
        let list = Mutex<[String]>([])
    }

    private static func read(_ path: String) throws(ToolFailure) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor != -1 else { throw failure(path, errorText(errno)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return bytes }
            if count < 0 {
                if errno == EINTR { continue }
                throw failure(path, errorText(errno))
            }
            bytes += buffer.prefix(count)
            guard bytes.count <= mostBytes else {
                throw failure(path, "it is longer than \(ByteSize.format(UInt64(mostBytes)))")
            }
        }
    }

    private static func failure(_ path: String, _ reason: String) -> ToolFailure {
        ToolFailure(.configuration, "the configuration file \(path) cannot be read: \(reason)")
    }
}
