import ArgumentParser
import ControlClient
import Testing
import ToolSupport

/// A small program's settings, one of each form.
private struct Target: SettingTarget {
    var count = 3
    var size: UInt64 = 128 << 20
    var wait: Int64 = 250
    var name: String?
    var folders: [String] = []
    var isLoud = false
    var order = Order.first

    enum Order: String, CaseIterable, Sendable { case first, last }
}

private enum Rows: SettingTable {
    static let file = "/nowhere/catena-test.yaml"

    static let settings: [Setting<Target>] = [
        .integer("count-of-all", "count", "How many.", in: 1...9, into: \.count),
        .bytes("size", "How long.", in: 0...(1 << 30), into: \.size),
        .milliseconds("wait-ms", "How late.", in: 0...1_000, into: \.wait),
        .text("name", "word", "Whose.", into: \.name),
        Setting("dir", .values("directory"), "Where.") { (settings, target) throws(ToolFailure) in
            target.folders = try settings.paths("dir")
        },
        .flag("loud", "Not quiet.", into: \.isLoud),
        .choice("order", "order", "Which end.", into: \.order),
    ]
}

private struct Command: ParsableCommand {
    @OptionGroup var flags: SettingFlags<Rows>
}

struct SettingFlagsTests {
    private func target(_ words: [String]) throws -> Target {
        let command = try #require(try Command.parseAsRoot(words) as? Command)
        return try command.flags.target(try command.flags.layers())
    }

    @Test func everyRowIsAFlag() throws {
        let target = try target([
            "--count-of-all", "4", "--size", "64KiB", "--wait-ms", "7", "--name", "it",
            "--dir", "a,b", "--dir", "c", "--loud", "--order", "last",
        ])
        #expect(target.count == 4 && target.size == 65_536 && target.wait == 7)
        #expect(target.name == "it" && target.folders == ["a,b", "c"])
        #expect(target.isLoud && target.order == .last)
    }

    @Test func whatIsNotGivenKeepsItsDefault() throws {
        let target = try target([])
        #expect(target.count == 3 && target.size == 128 << 20 && target.wait == 250)
        #expect(target.name == nil && target.folders.isEmpty)
        #expect(!target.isLoud && target.order == .first)
    }

    @Test func helpShowsEachRowWithTheTargetsDefault() {
        let help = Command.helpMessage(columns: 200)
        for line in [
            "--count-of-all <count>", "How many (default: 3).", "--size <size>",
            "How long (default: 128 MiB).", "How late (default: 250).", "--name <word>", "Whose.",
            "--dir <directory>", "--loud", "Not quiet.", "Which end (default: first).",
            "/nowhere/catena-test.yaml",
        ] {
            #expect(help.contains(line), "\(line)")
        }
    }

    @Test func aMistakeNamesTheFlag() throws {
        #expect(throws: ToolFailure.self) { try target(["--count-of-all", "10"]) }
        #expect(throws: (any Error).self) { try target(["--count-of-everything", "1"]) }
        #expect(throws: (any Error).self) { try target(["--name"]) }
        do {
            _ = try target(["--order", "middle"])
        } catch let failure as ToolFailure {
            #expect(failure.kind == .usage)
            #expect(failure.sentence.contains("--order is 'middle'"))
            #expect(failure.sentence.contains("first, last"))
        }
    }

    @Test func theTableHoldsEachRowOnce() {
        var tables = ReferenceTables()
        tables.add("catena-test run", Rows.self)
        #expect(
            tables.text == """
                ### catena-test run

                | setting | default | meaning |
                |---|---|---|
                | `--count-of-all` | 3 | How many. |
                | `--size` | 128 MiB | How long. |
                | `--wait-ms` | 250 | How late. |
                | `--name` | | Whose. |
                | `--dir` | | Where. |
                | `--loud` | off | Not quiet. |
                | `--order` | first | Which end. |

                """)
    }
}
