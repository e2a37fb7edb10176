import Control
import Dispatch
import Foundation
import Synchronization
import TestSupport
import Testing
import Wire

/// A namespace's database in a directory of its own, which is gone afterwards.
struct Scratch {
    let folder: String

    static func with(_ body: (Scratch) throws -> Void) throws {
        try ScratchFolder.with { folder in
            let scratch = Scratch(folder: folder)
            try scratch.engine.create(cluster: Desk.cluster, firstNumber: 1)
            try body(scratch)
        }
    }

    var engine: SQLiteEngine { SQLiteEngine(folder) }
    var database: String { engine.name }
    var wal: String { database + "-wal" }

    func store(now: Int64 = 0, boot: String = "boot") throws -> NamespaceOverlay {
        try engine.open(cluster: Desk.cluster, now: now, boot: boot)
    }

    /// Applies, commits, and waits for it.
    static func commit(_ store: NamespaceOverlay, _ mutations: [Mutation] = []) throws {
        try store.apply(mutations)
        let done = DispatchSemaphore(value: 0)
        let outcome = Mutex<StoreFailure?>(nil)
        store.commit { result in
            if case .failure(let failure) = result { outcome.withLock { $0 = failure } }
            done.signal()
        }
        done.wait()
        if let failure = outcome.withLock({ $0 }) { throw failure }
        store.committed()
    }

    /// A copy of the files as they are, as a process that is killed now would leave them.
    func copy() throws -> Scratch {
        let other = Scratch(folder: folder + "-" + UUID().uuidString)
        try FileManager.default.createDirectory(
            atPath: other.folder, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder)
        where !name.hasSuffix("-shm") {
            try FileManager.default.copyItem(
                atPath: "\(folder)/\(name)", toPath: "\(other.folder)/\(name)")
        }
        return other
    }

    func remove() throws { try FileManager.default.removeItem(atPath: folder) }
}

extension MemoryEngine {
    /// Opens the namespace that is in this memory, or an empty one.
    func store(now: Int64 = 0, boot: String = "boot") throws -> NamespaceOverlay {
        if !exists { try create(cluster: Desk.cluster, firstNumber: 1) }
        return try open(cluster: Desk.cluster, now: now, boot: boot)
    }
}
