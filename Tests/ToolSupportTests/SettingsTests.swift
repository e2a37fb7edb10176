import ControlClient
import Foundation
import Logging
import TestSupport
import Testing
import ToolSupport

struct SettingsTests {
    private let known: Set<String> = ["log-level", "replicas", "dir", "secret-file", "packet"]

    private func settings(
        _ text: String? = nil, environment: [String: String] = [:],
        flags: [String: [String]] = [:]
    ) throws -> Settings {
        func read(_ path: String?) throws -> Settings {
            try Settings(
                file: path, fallback: nil, known: known, flags: flags, environment: environment)
        }
        guard let text else { return try read(nil) }
        return try ScratchFolder.withFile(text, read)
    }

    private func sentence(
        _ kind: FailureKind = .configuration, _ body: () throws -> Void
    ) -> String {
        do {
            try body()
            return ""
        } catch let failure as ToolFailure {
            #expect(failure.kind == kind)
            return failure.sentence
        } catch {
            return "\(error)"
        }
    }

    @Test func flagsWinOverTheEnvironmentAndThatOverTheFile() throws {
        let file = "replicas: 1\nlog-level: debug\n"
        let variables = ["CATENA_REPLICAS": "2"]
        #expect(try settings(file).integer("replicas", in: 1...5) == 1)
        #expect(try settings(file, environment: variables).integer("replicas", in: 1...5) == 2)
        let all = try settings(file, environment: variables, flags: ["replicas": ["3"]])
        #expect(try all.integer("replicas", in: 1...5) == 3)
        #expect(try all.level == .debug)
        #expect(try all.value("replicas")?.source == .flag("replicas"))
        #expect(try settings().string("replicas") == nil)
    }

    @Test func theEnvironmentIsNamedLikeTheFlag() throws {
        let settings = try settings(environment: [
            "CATENA_LOG_LEVEL": "error", "LOG_LEVEL": "trace", "CATENA_REPLICAS": "",
        ])
        #expect(try settings.level == .error)
        #expect(try settings.value("log-level")?.source == .environment("CATENA_LOG_LEVEL"))
        #expect(try settings.string("replicas") == nil)
        #expect(Settings.variable("secret-file") == "CATENA_SECRET_FILE")
    }

    @Test func anUnknownKeyInTheFileIsNamed() {
        #expect(
            sentence { _ = try settings("replicas: 3\nreplcas: 4\n") }
                .contains("unknown key 'replcas'"))
        #expect(
            sentence { _ = try settings("dir:\n  deep: x\n") }.contains("unknown key 'dir.deep'"))
    }

    @Test func listsComeFromEverywhere() throws {
        #expect(try settings("dir: [a, b]\n").list("dir") == ["a", "b"])
        #expect(try settings("dir: a\n").list("dir") == ["a"])
        #expect(
            try settings("dir: a\n", environment: ["CATENA_DIR": "x,y"]).list("dir") == ["x", "y"])
        #expect(try settings("dir: a\n", flags: ["dir": ["p"]]).list("dir") == ["p"])
        #expect(try settings("dir: a\n", flags: ["dir": ["p", "q"]]).list("dir") == ["p", "q"])
        #expect(try settings("dir: a\n", flags: ["dir": []]).list("dir") == ["a"])
        #expect(try settings().list("dir") == [])
    }

    @Test func namesOfFilesAreAListOrStandBetweenCommas() throws {
        #expect(try settings("dir: [/a]\n").paths("dir") == ["/a"])
        #expect(try settings("dir: [/a, /b]\n").paths("dir") == ["/a", "/b"])
        #expect(try settings("dir: /a, /b\n").paths("dir") == ["/a", "/b"])
        let variables = ["CATENA_DIR": "/a,,/b,"]
        #expect(try settings(environment: variables).paths("dir") == ["/a", "/b"])
        #expect(try settings(flags: ["dir": ["/a,b"]]).paths("dir") == ["/a,b"])
        #expect(try settings().paths("dir") == [])
    }

    @Test func aWrongValueIsNamedWithItsPlace() throws {
        let wrong = try settings(
            "replicas: many\npacket: 1.5\n", environment: ["CATENA_LOG_LEVEL": "loud"])
        #expect(sentence { _ = try wrong.integer("replicas", in: 1...5) }.contains("'replicas' in"))
        #expect(sentence { _ = try wrong.bytes("packet") }.contains("'1.5'"))
        let level = sentence { _ = try wrong.level }
        #expect(level.contains("CATENA_LOG_LEVEL"))
        #expect(level.contains("trace, debug, info"))
        let list = try settings("replicas: [1, 2]\n")
        #expect(
            sentence { _ = try list.integer("replicas", in: 1...5) }.contains("must be one value"))
        let range = try settings(flags: ["replicas": ["6"]])
        let flag = sentence(.usage) { _ = try range.integer("replicas", in: 1...5) }
        #expect(flag.contains("from 1 to 5"))
    }

    @Test func typedValuesAreRead() throws {
        let settings = try settings(
            "packet: 64KiB\nreplicas: 3\nlog-level: info\n",
            flags: ["dir": ["127.0.0.1:7"], "secret-file": ["250ms"]])
        #expect(try settings.bytes("packet") == 65_536)
        #expect(try settings.endpoint("dir")?.port == 7)
        #expect(try settings.milliseconds("secret-file", in: 0...1_000) == 250)
        #expect(sentence { _ = try settings.flag("replicas") }.contains("true or false"))
    }

    @Test func filesThatAreNotThereOrNotYAML() throws {
        let missing = "/nonexistent/catena.yaml"
        let optional = try Settings(
            file: nil, fallback: missing, known: known, environment: [:])
        #expect(optional.file == nil)
        #expect(
            sentence {
                _ = try Settings(file: missing, fallback: nil, known: known, environment: [:])
            }.contains(missing))
        #expect(!sentence { _ = try settings("just words") }.isEmpty)
        #expect(!sentence { _ = try settings("a: [1\n") }.isEmpty)
        #expect(try settings("# only a comment\n\n").string("replicas") == nil)
        #expect(try settings("").string("replicas") == nil)
    }

    @Test func whatIsRequiredIsNamedInEveryWay() throws {
        let settings = try settings()
        let sentence = sentence {
            _ = try settings.required("secret-file", try settings.string("secret-file"))
        }
        #expect(sentence.contains("--secret-file"))
        #expect(sentence.contains("CATENA_SECRET_FILE"))
    }
}

extension Settings {
    fileprivate var level: Logger.Level? {
        get throws { try choice("log-level", Logger.Level.self) }
    }
}
