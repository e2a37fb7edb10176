import ArgumentParser
import Control
import Dispatch
import Foundation
import Synchronization
import System
import ToolSupport
import Wire

struct FillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fill",
        abstract: "Write many keys of one block each into a namespace, for measuring.",
        discussion: """
            Through the store, as a namenode would, but without clients and datanodes: the blocks \
            exist nowhere. For namespaces that are thrown away.
            """,
        shouldDisplay: false)

    @OptionGroup var directory: DirectoryFlag

    @Option(help: "How many keys.")
    var keys: Int

    @Option(help: "What each key begins with; ten digits follow.")
    var prefix = "fill/"

    @Option(help: "Nodes of the blocks' chains, by id.")
    var node: [String] = (1...3).map { NodeID(high: 0, low: $0).description }

    private static let batch = 20_000

    func run() throws {
        let chain = node.compactMap { NodeID($0) }
        guard chain.count == node.count, Limits.chainNodes.contains(chain.count), keys > 0 else {
            throw ValidationError("--node takes 1 to 5 node ids, --keys a count")
        }
        try presenting("catena-namenode") {
            let opened = try NamespaceDirectory.open(directory.dir).served()
            _ = try NamespaceDirectory.lock(directory.dir)
            let store = try opened.store.open(
                cluster: opened.cluster, now: BootClock.milliseconds,
                boot: try NamenodeService.boot())
            for start in stride(from: 0, to: keys, by: Self.batch) {
                try write(start..<min(keys, start + Self.batch), chain, store)
            }
            try store.close()
            try StandardStream.output.writeResult("wrote \(counted(keys, "key"))\n")
        }
    }

    private func write(_ numbers: Range<Int>, _ chain: [NodeID], _ store: NamespaceOverlay) throws {
        let block = store.counter(.block)
        let value = store.counter(.value)
        var mutations: [Mutation] = []
        for (index, number) in numbers.enumerated() {
            let digits = String(number)
            let name = prefix + String(repeating: "0", count: max(0, 10 - digits.count)) + digits
            guard let key = Key(name) else { throw ToolFailure(.usage, "--prefix is too long") }
            let own = ValueID(value + UInt64(index))
            mutations += [
                .putBlock(
                    BlockInfo(
                        block: BlockID(block + UInt64(index)), epoch: Epoch(1), value: own,
                        position: 0, length: 4_096, checksum: 7, state: .sealed, chain: chain)),
                .putKey(key, KeyRecord(value: own, length: 4_096, createdUnixMs: 0)),
            ]
        }
        mutations.append(.setCounter(.block, block + UInt64(numbers.count)))
        mutations.append(.setCounter(.value, value + UInt64(numbers.count)))
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
}
