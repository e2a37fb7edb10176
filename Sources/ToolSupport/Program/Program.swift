import ArgumentParser
import Glibc
import Synchronization

/// How every program of Catena begins, and how it ends when its arguments are wrong.
public enum Program {
    /// Whether who started the program has it live on when nobody reads its output.
    private static let outlivesReader = Atomic<Bool>(false)

    /// Runs the command that the arguments name.
    public static func run<Command: ParsableCommand>(_ type: Command.Type) -> Never {
        StandardStream.reserve()
        let inherited = signal(SIGPIPE, SIG_IGN)
        outlivesReader.store(SignalWatch.isIgnored(inherited), ordering: .relaxed)
        let arguments = Arguments.words
        do {
            if let name = unknownCommand(arguments, of: type) {
                throw ValidationError("there is no command '\(name)'")
            }
            var command = try type.parseAsRoot(arguments)
            if let number = Arguments.unclaimed {
                throw ValidationError("argument \(number) is not UTF-8")
            }
            try command.run()
        } catch {
            end(type, error, isJSON: arguments.prefix { $0 != "--" }.contains("--json"))
        }
        exit(SystemExit.success.rawValue)
    }

    /// The word that stands where a command's name does and is none. The parser would go on to the
    /// flags behind it and blame those.
    static func unknownCommand(
        _ arguments: [String], of root: any ParsableCommand.Type
    ) -> String? {
        var type = root
        for word in arguments {
            let commands = type.configuration.subcommands
            guard !commands.isEmpty, !word.hasPrefix("-"), word != "help" else { return nil }
            let found = commands.first {
                $0._commandName == word || $0.configuration.aliases.contains(word)
            }
            guard let found else { return word }
            type = found
        }
        return nil
    }

    private static func end<Command: ParsableCommand>(
        _ type: Command.Type, _ error: any Error, isJSON: Bool
    ) -> Never {
        // A failure that was shown already.
        if let code = error as? ExitCode { exit(code.rawValue) }
        // Help is no failure, and the parser's own to show.
        guard type.exitCode(for: error) == .validationFailure else { type.exit(withError: error) }
        let name = type.configuration.commandName ?? ""
        let failure = ToolFailure(.usage, type.message(for: error))
        StandardStream.error.write(
            isJSON
                ? failureLine(failure, program: name, json: true)
                : type.fullMessage(for: error) + "\n")
        exit(SystemExit.usage.rawValue)
    }

    /// Ends a program whose reader has seen enough (`catena cat KEY | head`) as SIGPIPE ends
    /// others: without a word, and a shell says 141. Returns where that signal was ignored at the
    /// start: the reader's end is then an error like others.
    public static func endWithoutReader() {
        guard !outlivesReader.load(ordering: .relaxed) else { return }
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
    }
}
