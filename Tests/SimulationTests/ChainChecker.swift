import DataPath
import Reactor
import Wire

/// A chain's invariants, checked against every member after every turn of anybody. The first breach
/// is kept as a sentence.
final class ChainChecker {
    private let nodes: [SimulatedNode]
    private let writer: SimulatedWriter
    private let world: SimulatedWorld
    private let expected: [UInt8]
    private(set) var breach: String?
    private(set) var steps = 0
    private var checkedBytes: [UInt64]
    private var lastSent: [Progress]

    init(_ nodes: [SimulatedNode], _ writer: SimulatedWriter, _ world: SimulatedWorld) {
        self.nodes = nodes
        self.writer = writer
        self.world = world
        expected = (0..<writer.length).map { SimulatedWriter.byte($0, seed: writer.seed) }
        checkedBytes = nodes.map { _ in 0 }
        lastSent = nodes.map { _ in Progress() }
    }

    private func fail(_ sentence: String) {
        if breach == nil { breach = "step \(steps), time \(world.time): \(sentence)" }
    }

    func check() {
        steps += 1
        let views = nodes.map { $0.inspect(writer.block) }
        for (index, view) in views.enumerated() {
            guard let view else { continue }
            checkOwn(index, view)
            if index + 1 < views.count, let next = views[index + 1] {
                checkPrefix(index, view, next)
            }
        }
        checkAcks(views)
    }

    /// 3, 5: offsets are ordered, what is told is true here and behind, and what counts as written
    /// is on the device.
    private func checkOwn(_ index: Int, _ view: BlockInspection) {
        if !view.own.isOrdered || view.own.received != view.hwm {
            fail("node \(index): offsets out of order: \(view.own), HWM \(view.hwm)")
        }
        if view.sent.exceeds(view.own) {
            fail("node \(index) told \(view.sent) and holds \(view.own)")
        }
        if !view.isTail, view.sent.exceeds(view.behind) {
            fail("node \(index) told \(view.sent) and the chain behind has \(view.behind)")
        }
        checkDevice(index, written: view.own.written)
    }

    private func checkDevice(_ index: Int, written: UInt64) {
        guard written > checkedBytes[index] else { return }
        let from = Int(checkedBytes[index])
        let to = Int(written)
        checkedBytes[index] = written
        let disk = world.disk(of: nodes[index].name)
        guard let file = disk.bytes(of: "\(writer.block).blk"), file.count >= 8192 + to else {
            return fail("node \(index): written \(to), and the file is shorter")
        }
        guard file[(8192 + from)..<(8192 + to)].elementsEqual(expected[from..<to]) else {
            return fail("node \(index): bytes \(from) to \(to) on the device are not what was sent")
        }
    }

    /// 1: what a node holds is a prefix of what the node before it holds.
    private func checkPrefix(_ index: Int, _ view: BlockInspection, _ next: BlockInspection) {
        if next.hwm > view.hwm {
            fail("node \(index + 1) holds \(next.hwm), node \(index) \(view.hwm)")
        }
        if !view.wholeChunks.starts(with: next.wholeChunks) {
            fail("nodes \(index) and \(index + 1) hold different chunks")
        }
    }

    /// 2, 3, 7: what the writer was told is true of every member, so what it may forget needs
    /// nobody to resend it.
    private func checkAcks(_ views: [BlockInspection?]) {
        guard writer.seal == nil else { return }
        for (index, view) in views.enumerated() {
            let own: Progress
            let state = nodes[index].reported[writer.block]?.state
            // A member whose device failed says that it may have lost what it acked; the others
            // still have it.
            guard state != .lost, state != .mayBeLost else { continue }
            if let view {
                own = view.own
            } else if let record = nodes[index].reported[writer.block], record.state == .sealed {
                own = Progress(
                    received: record.length, written: record.length, durable: record.length)
            } else {
                own = Progress()
            }
            if writer.acked.received > own.received || writer.acked.written > own.written {
                fail("the writer was told \(writer.acked), and node \(index) holds \(own)")
            }
        }
    }

    /// After the seal: every file says sealed and holds exactly the bytes, whatever happened on the
    /// way.
    func checkSealed() {
        guard let seal = writer.seal else { return }
        if seal.receipt.receipt.length != writer.length { fail("the receipt's length is another") }
        for (index, node) in nodes.enumerated() {
            let record = node.reported[writer.block]
            if record?.state != .sealed || record?.length != writer.length {
                fail("node \(index) reports \(String(describing: record))")
            }
            checkedBytes[index] = 0
            checkDevice(index, written: writer.length)
        }
    }
}
