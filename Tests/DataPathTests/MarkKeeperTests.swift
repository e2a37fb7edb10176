import Foundation
import Logging
import TestSupport
import Testing
import Wire

@testable import DataPath

/// What a node keeps of its namespace, and what may lie in the file's place.
struct MarkKeeperTests {
    private let mark = NamespaceMark(incarnation: NamespaceIncarnation(7), commit: 1234)

    /// A data directory for one test.
    private func withDirectory(_ body: (DataDirectory, String) throws -> Void) throws {
        try ScratchFolder.with { path in
            try body(try DataDirectory.open(path, node: nil), "\(path)/\(MarkFile.name)")
        }
    }

    private func keeper(_ directory: DataDirectory) -> MarkKeeper<KernelFolder> {
        MarkKeeper([directory.records], Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    @Test func whatIsKeptIsRead() throws {
        try withDirectory { directory, _ in
            #expect(keeper(directory).newest == .none)
            keeper(directory).keep(mark)
            #expect(keeper(directory).newest == mark)
        }
    }

    /// Opening it for reading would wait for a writer, and for writing for a reader.
    @Test(.timeLimit(.minutes(1))) func aFIFOIsNotWaitedFor() throws {
        try withDirectory { directory, file in
            #expect(mkfifo(file, 0o600) == 0)
            let keeper = keeper(directory)
            #expect(keeper.newest == .none)
            keeper.keep(mark)
            #expect(keeper.newest == .none)
        }
    }

    @Test func aLinkIsNotFollowed() throws {
        try withDirectory { directory, file in
            let other = file + ".other"
            try Data("kept".utf8).write(to: URL(fileURLWithPath: other))
            try FileManager.default.createSymbolicLink(
                atPath: file, withDestinationPath: other)
            keeper(directory).keep(mark)
            #expect(try String(contentsOfFile: other, encoding: .utf8) == "kept")
        }
    }
}
