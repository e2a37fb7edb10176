import Testing

/// Each rule is shown what breaks it and what only looks as if it did.
struct RulesTests {
    private func file(_ text: String) -> SourceFile { SourceFile(path: "F.swift", text: text) }

    private func lines(_ findings: [Finding]) -> [Int] { findings.map(\.line) }

    @Test func aLongFileIsFound() {
        let line = "let a = 1\n"
        #expect(Rules.fileLength(file(String(repeating: line, count: 500))).isEmpty)
        #expect(!Rules.fileLength(file(String(repeating: line, count: 501))).isEmpty)
    }

    @Test func aLongLineIsFound() {
        let hundred = String(repeating: "x", count: 100)
        #expect(lines(Rules.lineLength(file("\(hundred)\n\(hundred)y\n"))) == [2])
    }

    @Test func aNameOfTwoTargetsIsFound() {
        func file(_ path: String, _ text: String) -> SourceFile {
            SourceFile(path: path, text: text)
        }
        let one = file("Sources/Wire/A.swift", "public struct A {\n}\nextension B {}\n")
        let inside = file("Sources/Control/B.swift", "enum B {\n    struct A {}\n}\n")
        let hidden = file("Sources/Control/C.swift", "private struct A {}\n// struct A\n")
        let program = file("Sources/tools/catena/A.swift", "struct A {}\n")
        #expect(Rules.twins([one, one, inside, hidden, program]).isEmpty)
        let other = file("Sources/Control/A.swift", "import Wire\n@MainActor final class A {}\n")
        #expect(lines(Rules.twins([one, other])) == [2])
    }

    @Test func aLongFunctionIsFound() {
        func text(_ head: String, _ count: Int) -> String {
            "struct S {\n" + head + " {\n" + String(repeating: "    a()\n", count: count - 2)
                + "}\n}\n"
        }
        let heads = [
            "func f()", "public static func f<T>(\n_ a: T) throws(E)", "init?(a: Int)",
            "@inlinable package init<T>(_ a: T)", "deinit", "subscript(a: Int) -> Int",
            "private mutating func f(_ a: () -> Void = {})", "fileprivate consuming func f()",
        ]
        for head in heads {
            let own = head.count { $0 == "\n" }
            #expect(Rules.functionLength(file(text(head, 60 - own))).isEmpty, "\(head)")
            #expect(lines(Rules.functionLength(file(text(head, 61 - own)))) == [2], "\(head)")
        }
        // Requirements have no body, braces in strings and comments are none.
        let protocols = "protocol P {\nfunc f()\nfunc g()\n}\n" + String(repeating: "\n", count: 99)
        #expect(Rules.functionLength(file(protocols)).isEmpty)
        let quoted = "func f() {\nlet a = \"{\" // {\n/* { */\n}\n" + text("func g()", 10)
        #expect(Rules.functionLength(file(quoted)).isEmpty)
    }

    @Test func droppedErrorsAreFound() {
        #expect(lines(Rules.optionalTry(file("let a = try? f()\n"))) == [1])
        #expect(Rules.optionalTry(file("// try? is banned\nlet a = \"try?\"\n")).isEmpty)
        #expect(lines(Rules.emptyCatch(file("do {\n} catch {}\n"))) == [2])
        #expect(lines(Rules.emptyCatch(file("do {\n} catch E.a {\n    // why not\n}\n"))) == [2])
        #expect(Rules.emptyCatch(file("do {\n} catch { throw b }\n")).isEmpty)
    }

    @Test func leftoversAreFound() {
        #expect(lines(Rules.leftovers(file("a()\n// TO" + "DO: b\n"))) == [2])
        #expect(lines(Rules.leftovers(file("// FIX" + "ME\n"))) == [1])
    }

    @Test func otherPlatformsAreFound() {
        #expect(lines(Rules.otherPlatforms(file("#if os(macOS)\n#endif\n"))) == [1])
        #expect(lines(Rules.otherPlatforms(file("#if A\n#elseif os(Windows)\n#endif\n"))) == [2])
        #expect(Rules.otherPlatforms(file("#if canImport(Glibc)\n#endif\n")).isEmpty)
    }

    @Test func uncheckedBuildsAreFound() {
        let flags = "x: [.unsafe" + "Flags([\"-O" + "unchecked\"])]"
        #expect(lines(Rules.uncheckedBuild(file(flags))) == [1])
    }

    @Test func unsafePointersAreFound() {
        let text = "func f(_ a: UnsafeMutableRawBufferPointer) {}\n"
        #expect(lines(Rules.unsafePointers(file(text), allowed: [:])) == [1])
        #expect(Rules.unsafePointers(file(text), allowed: ["F.swift": "so"]).isEmpty)
        #expect(!Rules.unsafePointers(file(text), allowed: ["F": "a folder"]).isEmpty)
        #expect(Rules.unsafePointers(file("// UnsafePointer\n"), allowed: [:]).isEmpty)
        #expect(!Rules.unsafePointers(file("Unmanaged.passRetained(a)\n"), allowed: [:]).isEmpty)
    }

    @Test func machinePathsAreFound() {
        func found(_ text: String) -> Int { Rules.machinePaths(path: "F", text: text).count }
        #expect(found("cd /ho" + "me/somebody") == 1)
        #expect(found("\"/wo" + "rk/x\"\n(/Us" + "ers/x)") == 2)
        #expect(found("$dir/wo" + "rk/x ../ro" + "ot/y") == 0)
        #expect(found("/etc/catena /tmp/x /dev/null") == 0)
    }

    @Test func longLinesOfAPageAreFound() {
        func found(_ text: String) -> [Int] {
            lines(Rules.pageLines(path: "F.md", text: text))
        }
        let hundred = String(repeating: "x", count: 100)
        #expect(found("\(hundred)\n\(hundred)y\n") == [2])
        #expect(found("- a\n  \(hundred)\n") == [2])
        // What is typed or shown stays as it is.
        #expect(found("```\n\(hundred)y\n```\n\(hundred)y\n") == [4])
        #expect(found("1. a\n   ~~~\n   ```\n   \(hundred)\n   ~~~\n\(hundred)y\n") == [6])
    }

    @Test func longCellsOfATableAreFound() {
        func found(_ row: String) -> Bool {
            !Rules.pageLines(path: "F.md", text: "| a | b |\n|---|---|\n\(row)\n").isEmpty
        }
        let cell = String(repeating: "x", count: 120)
        #expect(!found("| \(cell) |  \(cell)   |"))
        #expect(found("| a | \(cell)y |"))
        #expect(found("  | \(cell)y"))
        #expect(found("| `\(cell)` | a |"))
        // An escaped bar belongs to its cell.
        #expect(found("| \(cell)\\| | a |"))
        #expect(!found("| \(cell.dropLast(60))\\| `a` | \(cell.dropLast(60)) |"))
    }

    @Test func codeLosesCommentsAndStrings() {
        let code = CodeOnly.lines([
            "a /* b", "c */ d", "let e = \"\\\"f\" // g", "h = #\"i\"j\"# k", "\"\"\"", "l",
            "\"\"\" m",
        ])
        let words = code.map { $0.split(separator: " ").joined(separator: " ") }
        #expect(words == ["a", "d", "let e =", "h = k", "", "", "m"])
    }
}
