import ArgumentParser
import ControlClient

/// The settings of one command.
public protocol SettingTable {
    associatedtype Target: SettingTarget
    static var settings: [Setting<Target>] { get }
    /// The file that is read when `--config` names none, such as `/etc/catena/datanode.yaml`.
    static var file: String { get }
}

/// A flag for every setting of a table, and `--config`.
///
/// ArgumentParser finds a type's flags by reflection and reads them by their names, so the mirror
/// and the decoder of this type are made of the table's rows.
public struct SettingFlags<Table: SettingTable>: ParsableArguments, CustomReflectable,
    Sendable
{
    private var config: String?
    private var given: [String: [String]] = [:]

    public init() {}

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private static var configFlag: Option<String?> {
        Option(
            name: .customLong("config"),
            help: .init(
                "A YAML file with settings; flags and CATENA_* variables win over it "
                    + "(default: \(Table.file)).",
                valueName: "file"))
    }

    public var customMirror: Mirror {
        let rows: [Mirror.Child] = Table.settings.map { ($0.name, $0.declaration) }
        return Mirror(self, children: rows + [("config", Self.configFlag)])
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        config = try container.decode(Option<String?>.self, forKey: Key(stringValue: "config"))
            .wrappedValue
        for setting in Table.settings {
            let key = Key(stringValue: setting.name)
            given[setting.name] =
                switch setting.form {
                case .value:
                    try container.decode(Option<String?>.self, forKey: key).wrappedValue
                        .map { [$0] } ?? []
                case .values: try container.decode(Option<[String]>.self, forKey: key).wrappedValue
                case .flag:
                    try container.decode(Flag<Bool>.self, forKey: key).wrappedValue ? ["true"] : []
                }
        }
    }

    /// File, environment and flags as one; a key in the file that is no setting is an error.
    public func layers() throws(ToolFailure) -> Settings {
        try Settings(
            file: config, fallback: Table.file, known: Set(Table.settings.map(\.name)),
            flags: given, environment: processEnvironment())
    }

    /// Every default, and over it what the layers say; a mistake is a sentence that names the
    /// setting and where its value stands.
    public func target(_ layers: Settings) throws(ToolFailure) -> Table.Target {
        var target = Table.Target()
        for setting in Table.settings { try setting.read(layers, &target) }
        return target
    }
}

extension Setting {
    /// What ArgumentParser takes for a declaration.
    fileprivate var declaration: Any {
        let name = NameSpecification.customLong(name)
        let help =
            standard.isEmpty || form == .flag
            ? help
            : "\(help.hasSuffix(".") ? String(help.dropLast()) : help) (default: \(standard))."
        return switch form {
        case .value(let word):
            Option<String?>(name: name, help: .init("\(help)", valueName: word))
        case .values(let word):
            Option<[String]>(
                wrappedValue: [], name: name, help: .init("\(help)", valueName: word))
        case .flag: Flag<Bool>(wrappedValue: false, name: name, help: .init("\(help)"))
        }
    }
}
