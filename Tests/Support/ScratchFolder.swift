import Foundation

/// A folder of one test, which is gone afterwards.
package enum ScratchFolder {
    /// - Throws: what `body` does, or why the folder stays.
    @discardableResult
    package static func with<Result>(_ body: (_ path: String) throws -> Result) throws -> Result {
        let path = FileManager.default.temporaryDirectory
            .appendingPathComponent("catena-test-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        let result = Swift.Result { try body(path) }
        // A test may have taken it away itself.
        if FileManager.default.fileExists(atPath: path) {
            try FileManager.default.removeItem(atPath: path)
        }
        return try result.get()
    }

    /// A file of this text in a folder of its own.
    package static func withFile<Result>(
        _ text: String, _ body: (_ path: String) throws -> Result
    ) throws -> Result {
        try with { folder in
            let path = folder + "/file"
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
            return try body(path)
        }
    }
}
