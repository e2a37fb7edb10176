import Control
import Foundation
import Glibc
import TestSupport
import Testing
import Wire

@Suite("The namenode's directory")
struct DirectoryTests {
    private let secret = (0..<32).map { UInt8($0) }

    private func format(_ path: String) throws -> NamespaceDirectory {
        try NamespaceDirectory.format(
            path, cluster: Desk.cluster, secret: secret, made: Date(timeIntervalSince1970: 0))
    }

    @Test func whatIsFormattedCanBeOpened() throws {
        try ScratchFolder.with { base in
            let made = try format(base + "/nn")
            #expect(try NamespaceDirectory.open(base + "/nn") == made)
            var status = stat()
            #expect(stat(base + "/nn/cluster.secret", &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            let files = try FileManager.default.contentsOfDirectory(atPath: base + "/nn").sorted()
            #expect(files == ["cluster.secret", "lock", "namespace.db", "namespace.json"])
        }
    }

    @Test func formatNeverOverwrites() throws {
        try ScratchFolder.with { base in
            _ = try format(base)
            #expect(throws: DirectoryFailure.exists(base)) { try format(base) }
            try FileManager.default.removeItem(atPath: base + "/namespace.json")
            #expect(throws: DirectoryFailure.exists(base)) { try format(base) }
        }
    }

    @Test func whatIsNotFormattedIsRefused() throws {
        try ScratchFolder.with { base in
            #expect(throws: DirectoryFailure.notFormatted(base)) {
                try NamespaceDirectory.open(base)
            }
        }
    }

    @Test(
        "a damaged file is named",
        arguments: [
            ("namespace.json", "{"), ("namespace.json", "{}"), ("cluster.secret", "0011"),
            ("namespace.json", #"{"format":1,"cluster":"x","made":""}"#),
            ("cluster.secret", String(repeating: "zz", count: 32)),
        ])
    func damaged(file: String, text: String) throws {
        try ScratchFolder.with { base in
            _ = try format(base)
            try text.write(toFile: "\(base)/\(file)", atomically: false, encoding: .utf8)
            do {
                _ = try NamespaceDirectory.open(base)
                Issue.record("\(text) was read")
            } catch let failure as DirectoryFailure {
                #expect(failure.description.contains(file))
            }
        }
    }

    @Test func aNewerFormatIsNotTouched() throws {
        try ScratchFolder.with { base in
            _ = try format(base)
            let text = #"{"format":3,"cluster":"\#(Desk.cluster)","made":""}"#
            try text.write(toFile: base + "/namespace.json", atomically: false, encoding: .utf8)
            #expect(throws: DirectoryFailure.newerFormat(base, found: 3)) {
                try NamespaceDirectory.open(base)
            }
        }
    }

    @Test func aDirectoryOfFormat1BeginsEmptyBehindItsNumbers() throws {
        try ScratchFolder.with { base in
            _ = try format(base)
            try FileManager.default.removeItem(atPath: base + "/namespace.db")
            let text = #"{"format":1,"cluster":"\#(Desk.cluster)","made":""}"#
            try text.write(toFile: base + "/namespace.json", atomically: false, encoding: .utf8)
            try "7\n".write(toFile: base + "/starts", atomically: false, encoding: .utf8)
            let old = try NamespaceDirectory.open(base)
            #expect(old.format == 1)
            #expect(try old.upgrade())
            let new = try NamespaceDirectory.open(base)
            #expect(new.format == NamespaceDirectory.formatVersion)
            #expect(try !new.upgrade())
            let store = try SQLiteEngine(base).open(cluster: Desk.cluster, now: 0, boot: "a")
            #expect(store.counter(.block) == 8 << 32 | 1)
            #expect(store.tally.keys == 0)
        }
    }

    @Test func aNamespaceWithoutItsDatabaseIsRefused() throws {
        try ScratchFolder.with { base in
            _ = try format(base)
            try FileManager.default.removeItem(atPath: base + "/namespace.db")
            _ = try NamespaceDirectory.open(base)
            #expect(throws: StoreFailure.self) {
                try SQLiteEngine(base).open(cluster: Desk.cluster, now: 0, boot: "a")
            }
        }
    }

    @Test func oneNamenodeAtATime() throws {
        try ScratchFolder.with { base in
            _ = try format(base)
            let lock = try NamespaceDirectory.lock(base)
            #expect(throws: DirectoryFailure.locked(base)) { try NamespaceDirectory.lock(base) }
            _ = close(lock)
            let again = try NamespaceDirectory.lock(base)
            _ = close(again)
        }
    }

    @Test(
        "settings that cannot work",
        arguments: [
            { @Sendable in $0.replicas = 0 }, { @Sendable in $0.replicas = 6 },
            { @Sendable in $0.minNodes = 0 }, { @Sendable in $0.blockBytes = 1 },
            { @Sendable in $0.staleMs = 1_000 }, { @Sendable in $0.deadMs = 3_000 },
            { @Sendable in $0.leaseMs = 0 }, { @Sendable in $0.keyRotationMs = 1 << 40 },
        ] as [@Sendable (inout NamenodeSettings) -> Void])
    func settings(edit: @Sendable (inout NamenodeSettings) -> Void) {
        var settings = NamenodeSettings()
        #expect(settings.problems.isEmpty)
        edit(&settings)
        #expect(!settings.problems.isEmpty)
    }
}
