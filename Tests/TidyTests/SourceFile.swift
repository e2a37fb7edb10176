import Foundation

/// One Swift file of the repository, as the tidy rules see it.
struct SourceFile {
    /// From the repository's root, such as `Sources/Wire/Status.swift`.
    let path: String
    let lines: [String]
    /// The same lines with comments and the insides of string literals taken out, for rules about
    /// code.
    let code: [String]

    init(path: String, text: String) {
        self.path = path
        var split = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if split.last == "" { split.removeLast() }
        lines = split
        code = CodeOnly.lines(split)
    }
}

/// The repository's own Swift files. Generated ones are left out: nobody reads them.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    static let files: [SourceFile] = {
        var found: [SourceFile] = []
        for folder in ["Sources", "Tests", "Benchmarks"] {
            found += below(folder).filter { $0.hasSuffix(".swift") && !$0.hasSuffix(".pb.swift") }
                .map { SourceFile(path: $0, text: text($0)) }
        }
        found.append(SourceFile(path: "Package.swift", text: text("Package.swift")))
        return found.sorted { $0.path < $1.path }
    }()

    /// Everything people write that is not Swift: scripts, pages, Python.
    static let otherTexts: [(path: String, text: String)] =
        ["dev", ".ci", "docs", "Sources", "Tests"].flatMap { below($0) }
        .filter { path in
            !path.hasSuffix(".swift") && !path.hasSuffix(".pyc") && !path.hasSuffix(".json")
        }
        .map { ($0, text($0)) }

    /// The pages of Markdown: at the root, and in every folder.
    static let pages: [(path: String, text: String)] = {
        let folders = ["docs", "dev", "Sources", "Tests", "Benchmarks"].flatMap { below($0) }
        return (atRoot() + folders).filter { $0.hasSuffix(".md") }.sorted()
            .map { ($0, text($0)) }
    }()

    private static func atRoot() -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: root.path)
        } catch {
            preconditionFailure("\(root.path) cannot be listed: \(error)")
        }
    }

    private static func below(_ folder: String) -> [String] {
        let base = root.appending(path: folder)
        guard
            let walk = FileManager.default.enumerator(
                at: base, includingPropertiesForKeys: [.isRegularFileKey])
        else { return [] }
        return walk.compactMap { $0 as? URL }
            .filter { !$0.hasDirectoryPath && !$0.pathComponents.contains(".build") }
            .map { String($0.path.dropFirst(root.path.count)) }
            .map { $0.hasPrefix("/") ? String($0.dropFirst()) : $0 }
    }

    private static func text(_ path: String) -> String {
        do {
            let data = try Data(contentsOf: root.appending(path: path))
            return String(decoding: data, as: UTF8.self)
        } catch {
            preconditionFailure("\(path) was listed and cannot be read: \(error)")
        }
    }
}
