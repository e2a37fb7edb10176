internal import Configuration
import ControlClient
import Glibc
import System

/// A tool's configuration: a YAML file, over it the environment, over that the flags.
///
/// One name serves all three: `log-level: info` in the file, `CATENA_LOG_LEVEL=info`, `--log-level
/// info`. A key in the file that the tool does not know is an error: a misspelt setting must not be
/// a silent default.
public struct Settings: Sendable {
    /// Where a value came from, for messages.
    public enum Source: Equatable, Sendable, CustomStringConvertible {
        case flag(String)
        case environment(String)
        case file(String, key: String)

        /// What a value from there that cannot be taken is: wrong usage, or wrong configuration.
        public var kind: FailureKind { if case .flag = self { .usage } else { .configuration } }

        public var description: String {
            switch self {
            case .flag(let name): "the flag --\(name)"
            case .environment(let name): "the environment variable \(name)"
            case .file(let path, let key): "'\(key)' in \(path)"
            }
        }
    }

    private struct Layer: Sendable {
        let snapshot: any ConfigSnapshot
        let source: @Sendable (String) -> Source
    }

    /// Strongest first.
    private let layers: [Layer]
    /// The file that was read, if any.
    public let file: String?
    /// A sentence about a file that was left out.
    public let warning: String?

    /// - Parameters:
    ///   - file: from `--config`; must be there.
    ///   - fallback: read when `file` is nil and it exists, such as `/etc/catena/namenode.yaml`;
    ///     one that this user may not read is left out, with a warning.
    ///   - known: every name the file may hold, such as `log-level`.
    ///   - flags: what the command line gave; an empty list means "not given".
    ///   - environment: variables by name; those that begin with `CATENA_` count.
    public init(
        file: String?, fallback: String?, known: Set<String>, flags: [String: [String]] = [:],
        environment: [String: String]
    ) throws(ToolFailure) {
        var loaded: SettingsFile?
        var warning: String?
        if let file {
            loaded = try SettingsFile.load(file)
        } else if let fallback {
            switch SettingsFile.access(fallback) {
            case 0: loaded = try SettingsFile.load(fallback)
            case ENOENT, ENOTDIR: break
            case let number:
                warning =
                    "\(fallback) is left out (\(errorText(number))): "
                    + "let this user read it, or name another file with --config"
            }
        }
        if let loaded { try Self.checkNames(loaded, known: known) }
        let ours = environment.filter { $0.key.hasPrefix("CATENA_") && !$0.value.isEmpty }
        var layers = [
            Layer(snapshot: Self.flagSnapshot(flags), source: { .flag($0) }),
            Layer(
                snapshot: EnvironmentVariablesProvider(environmentVariables: ours)
                    .prefixKeys(with: "catena").snapshot(),
                source: { .environment(Self.variable($0)) }),
        ]
        if let loaded, let snapshot = loaded.snapshot {
            let path = loaded.path
            layers.append(Layer(snapshot: snapshot, source: { .file(path, key: $0) }))
        }
        self.layers = layers
        self.file = loaded?.path
        self.warning = warning
    }

    /// `CATENA_LOG_LEVEL` for `log-level`.
    public static func variable(_ name: String) -> String {
        "CATENA_" + name.uppercased().map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
    }

    /// The strongest layer's value and where it came from.
    public func value(_ name: String) throws(ToolFailure) -> (text: String, source: Source)? {
        for layer in layers {
            if let text = try read(layer, name, as: .string, { $0.text }) {
                return (text, layer.source(name))
            }
        }
        return nil
    }

    /// The strongest layer's list; a single value is a list of one. Empty when nobody says.
    public func list(_ name: String) throws(ToolFailure) -> [String] {
        try listed(name)?.values ?? []
    }

    /// The same, and where it came from.
    func listed(_ name: String) throws(ToolFailure) -> (values: [String], source: Source)? {
        for layer in layers {
            var found: [String]?
            do throws(ToolFailure) {
                found = try read(layer, name, as: .stringArray) { $0.list }
            } catch {
                found = try read(layer, name, as: .string) { $0.text }.map { [$0] }
            }
            if let found { return (found, layer.source(name)) }
        }
        return nil
    }

    private func read<Value>(
        _ layer: Layer, _ name: String, as type: ConfigType, _ pick: (ConfigContent) -> Value?
    ) throws(ToolFailure) -> Value? {
        do {
            let found = try layer.snapshot.value(forKey: AbsoluteConfigKey([name]), type: type)
            return found.value.flatMap { pick($0.content) }
        } catch {
            let expected = type == .string ? "one value" : "a list"
            let source = layer.source(name)
            throw ToolFailure(source.kind, "\(source) must be \(expected)")
        }
    }

    private static func checkNames(
        _ file: SettingsFile, known: Set<String>
    ) throws(ToolFailure) {
        for key in file.keys where !known.contains(key) {
            let names = known.sorted().joined(separator: ", ")
            throw ToolFailure(
                .configuration,
                "unknown key '\(key)' in \(file.path): take it out, or use one of \(names)")
        }
    }

    private static func flagSnapshot(_ flags: [String: [String]]) -> any ConfigSnapshot {
        // A list of one must answer for a single value too, and a provider holds one type per key.
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (name, given) in flags where !given.isEmpty {
            let content: ConfigContent =
                given.count == 1 ? .string(given[0]) : .stringArray(given)
            values[AbsoluteConfigKey([name])] = ConfigValue(content, isSecret: false)
        }
        return InMemoryProvider(name: "flags", values: values).snapshot()
    }
}

extension ConfigContent {
    fileprivate var text: String? {
        if case .string(let text) = self { text } else { nil }
    }

    fileprivate var list: [String]? {
        if case .stringArray(let list) = self { list } else { nil }
    }
}
