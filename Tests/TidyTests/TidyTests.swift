import Testing

/// The repository's own sources keep the house's rules.
struct TidyTests {
    @Test func sourcesAreFound() {
        let paths = Set(Repository.files.map(\.path))
        #expect(paths.contains("Sources/Wire/Status.swift"))
        #expect(paths.contains("Tests/TidyTests/TidyTests.swift"))
        #expect(paths.contains("Package.swift"))
        #expect(!paths.contains { $0.hasSuffix(".pb.swift") })
        #expect(Repository.otherTexts.contains { $0.path == "dev/test" })
        let pages = Set(Repository.pages.map(\.path))
        let some = ["README.md", "docs/PROTOCOL.md", "Benchmarks/README.md"]
        #expect(pages.isSuperset(of: some))
    }

    @Test func filesAreShort() { expectNone(Rules.fileLength) }
    @Test func functionsAreShort() { expectNone(Rules.functionLength) }
    @Test func linesAreShort() { expectNone(Rules.lineLength) }
    @Test func noTwoTargetsShareATypesName() {
        let findings = Rules.twins(Repository.files)
        #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
    }

    @Test func errorsAreNotDropped() { expectNone(Rules.optionalTry) }
    @Test func catchesAreNotEmpty() { expectNone(Rules.emptyCatch) }
    @Test func nothingIsLeftOver() { expectNone(Rules.leftovers) }
    @Test func thereIsOnePlatform() { expectNone(Rules.otherPlatforms) }
    @Test func preconditionsStayOn() { expectNone(Rules.uncheckedBuild) }

    @Test func unsafePointersAreWhereTheyAreListed() {
        expectNone { Rules.unsafePointers($0, allowed: UnsafeFiles.allowed) }
    }

    @Test func noFileNamesOneMachine() {
        expectNone {
            Rules.machinePaths(path: $0.path, text: $0.lines.joined(separator: "\n"))
        }
        let findings = Repository.otherTexts.flatMap {
            Rules.machinePaths(path: $0.path, text: $0.text)
        }
        #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
    }

    @Test func pagesHaveShortLines() {
        let findings = Repository.pages.flatMap {
            Rules.pageLines(path: $0.path, text: $0.text)
        }
        #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
    }

    private func expectNone(_ rule: (SourceFile) -> [Finding]) {
        let findings = Repository.files.flatMap(rule)
        #expect(findings.isEmpty, "\(findings.map(\.description).joined(separator: "\n"))")
    }
}
