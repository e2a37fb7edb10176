import ControlClient

/// What settings are read into: a new one holds every default.
public protocol SettingTarget: Sendable {
    init()
}

/// One setting of a program: the only place that says its name, its help, its default and how its
/// text is read. Flags, file, environment, `--help` and the tables of docs/OPERATIONS.md come from
/// it.
public struct Setting<Target: SettingTarget>: Sendable {
    /// How it is given on the command line.
    public enum Form: Equatable, Sendable {
        /// `--NAME VALUE`; the word stands for the value in help.
        case value(String)
        /// `--NAME VALUE`, any number of times; elsewhere a list, or values with commas between.
        case values(String)
        /// `--NAME`; elsewhere `true` or `false`.
        case flag
    }

    /// The flag without its dashes, the key in a file, and, in capitals behind `CATENA_` and with
    /// `_` for `-`, the environment variable.
    public let name: String
    public let form: Form
    /// Plain sentences.
    public let help: String
    /// What holds where nobody says, as a person writes it; empty when nothing does.
    public let standard: String
    /// Reads what was given, if anything was.
    let read: @Sendable (Settings, inout Target) throws(ToolFailure) -> Void

    public init(
        _ name: String, _ form: Form, _ help: String, standard: String = "",
        read: @escaping @Sendable (Settings, inout Target) throws(ToolFailure) -> Void
    ) {
        self.name = name
        self.form = form
        self.help = help
        self.standard = standard
        self.read = read
    }
}

/// A place of a target that a setting is read into.
public typealias SettingPath<Target, Value> = WritableKeyPath<Target, Value> & Sendable

extension Setting {
    /// A value that `parse` reads.
    ///
    /// - Parameter expected: completes "it must be ...".
    public static func value<Value>(
        _ name: String, _ word: String, _ help: String, standard: String = "",
        expected: String, into path: SettingPath<Target, Value>,
        parse: @escaping @Sendable (String) -> Value?
    ) -> Self {
        Setting(name, .value(word), help, standard: standard) {
            (settings, target) throws(ToolFailure) in
            if let value = try settings.parsed(name, expected, parse) {
                target[keyPath: path] = value
            }
        }
    }

    /// Text as it is: the name of a file.
    public static func text(
        _ name: String, _ word: String, _ help: String, into path: SettingPath<Target, String?>
    ) -> Self {
        Setting(name, .value(word), help) { (settings, target) throws(ToolFailure) in
            if let text = try settings.string(name) { target[keyPath: path] = text }
        }
    }

    /// A whole number within `range`; the default is the target's own.
    public static func integer(
        _ name: String, _ word: String, _ help: String, in range: ClosedRange<Int>,
        standard: String? = nil, into path: SettingPath<Target, Int>
    ) -> Self {
        Setting(
            name, .value(word), help, standard: standard ?? "\(Target()[keyPath: path])"
        ) { (settings, target) throws(ToolFailure) in
            if let number = try settings.integer(name, in: range) {
                target[keyPath: path] = number
            }
        }
    }

    /// Bytes within `range`; the default is the target's own.
    public static func bytes(
        _ name: String, _ help: String, in range: ClosedRange<UInt64>,
        into path: SettingPath<Target, UInt64>
    ) -> Self {
        let standard = Target()[keyPath: path]
        return Setting(
            name, .value("size"), help, standard: standard == 0 ? "0" : ByteSize.format(standard)
        ) { (settings, target) throws(ToolFailure) in
            if let bytes = try settings.bytes(name, in: range) { target[keyPath: path] = bytes }
        }
    }

    /// Milliseconds within `range`; the default is the target's own.
    public static func milliseconds(
        _ name: String, _ help: String, in range: ClosedRange<Int>,
        into path: SettingPath<Target, Int64>
    ) -> Self {
        Setting(name, .value("ms"), help, standard: "\(Target()[keyPath: path])") {
            (settings, target) throws(ToolFailure) in
            if let time = try settings.integer(name, in: range) {
                target[keyPath: path] = Int64(time)
            }
        }
    }

    /// Off unless given.
    public static func flag(
        _ name: String, _ help: String, into path: SettingPath<Target, Bool>
    ) -> Self {
        Setting(name, .flag, help, standard: "off") { (settings, target) throws(ToolFailure) in
            if let isOn = try settings.flag(name) { target[keyPath: path] = isOn }
        }
    }

    /// One of a few words; the default is the target's own.
    public static func choice<Choice: RawRepresentable & CaseIterable & Sendable>(
        _ name: String, _ word: String, _ help: String, into path: SettingPath<Target, Choice>
    ) -> Self where Choice.RawValue == String {
        Setting(name, .value(word), help, standard: Target()[keyPath: path].rawValue) {
            (settings, target) throws(ToolFailure) in
            if let choice = try settings.choice(name, Choice.self) {
                target[keyPath: path] = choice
            }
        }
    }
}
