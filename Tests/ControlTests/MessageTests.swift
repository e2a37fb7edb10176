import Foundation
import System
import Testing
import Wire

@testable import Control

/// The quick reader and writer are SwiftProtobuf's, message for message.
@Suite("Messages read and written by hand")
struct MessageTests {
    private func bytes(_ count: Int, _ generator: inout Seeded) -> Data {
        Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
    }

    private func number(_ generator: inout Seeded) -> UInt64 {
        UInt64.random(in: 0...UInt64.max, using: &generator)
            >> UInt64.random(in: 0...64, using: &generator)
    }

    private func text(_ generator: inout Seeded) -> String {
        String(
            (0..<Int.random(in: 0...200, using: &generator)).map { _ in
                Character(Unicode.Scalar(UInt16.random(in: 0x20...0x2ff, using: &generator)) ?? "x")
            })
    }

    private func request(_ generator: inout Seeded) -> ControlRequest {
        var request = ControlRequest()
        request.clientID = bytes(16, &generator)
        request.requestID = number(&generator)
        switch Int.random(in: 0..<5, using: &generator) {
        case 0:
            var create = ControlCreate()
            create.key = text(&generator)
            create.overwrite = Bool.random(using: &generator)
            request.operation = .create(create)
        case 1:
            var add = ControlAddBlock()
            add.leaseID = bytes(16, &generator)
            add.sizeHint = number(&generator)
            add.location = text(&generator)
            add.replicas = UInt32(truncatingIfNeeded: number(&generator))
            add.count = UInt32(truncatingIfNeeded: number(&generator))
            add.blockBytes = number(&generator)
            if Bool.random(using: &generator) { add.exclude = [bytes(16, &generator)] }
            request.operation = .addBlock(add)
        case 2:
            var close = ControlClose()
            close.leaseID = bytes(16, &generator)
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                var receipt = ControlReceipt()
                receipt.block = number(&generator)
                receipt.length = number(&generator)
                receipt.crc = UInt32(truncatingIfNeeded: number(&generator))
                receipt.level = .durable
                receipt.signature = bytes(32, &generator)
                close.blocks.append(receipt)
            }
            close.durability = Bool.random(using: &generator) ? .written : .durable
            request.operation = .close(close)
        case 3:
            var open = ControlOpen()
            open.key = text(&generator)
            open.location = text(&generator)
            open.offset = number(&generator)
            request.operation = .open(open)
        default:
            var list = ControlList()
            list.prefix = text(&generator)
            list.startAfter = text(&generator)
            list.limit = UInt32(truncatingIfNeeded: number(&generator))
            list.delimiter = text(&generator)
            request.operation = .list(list)
        }
        return request
    }

    @Test func requestsAreReadAsSwiftProtobufReadsThem() throws {
        var generator = Seeded(11)
        for _ in 0..<2_000 {
            let wanted = request(&generator)
            let body: [UInt8] = try wanted.serializedBytes()
            #expect(try RequestReader.read(body) == wanted)
            // Cut or changed, they agree as well on what cannot be read.
            var broken = Array(body.prefix(Int.random(in: 0...body.count, using: &generator)))
            if let index = broken.indices.randomElement(using: &generator) {
                broken[index] ^= UInt8.random(in: 0...255, using: &generator)
            }
            let quick = broken.withUnsafeBytes { RequestReader.quick($0) }
            guard let quick else { continue }
            #expect(try ControlRequest(serializedBytes: broken) == quick)
        }
    }

    private func node(_ generator: inout Seeded) -> ControlNode {
        var node = ControlNode()
        node.nodeID = bytes(16, &generator)
        node.host = text(&generator)
        node.port = UInt32(truncatingIfNeeded: number(&generator))
        node.location = text(&generator)
        return node
    }

    private func location(_ generator: inout Seeded) -> ControlBlockLocation {
        var block = ControlBlockLocation()
        block.block = number(&generator)
        block.epoch = number(&generator)
        block.offset = number(&generator)
        block.length = number(&generator)
        block.crc = UInt32(truncatingIfNeeded: number(&generator))
        block.replicas = (0..<3).map { _ in node(&generator) }
        block.token = bytes(Bool.random(using: &generator) ? 128 : 0, &generator)
        block.streamKey = bytes(Bool.random(using: &generator) ? 32 : 0, &generator)
        return block
    }

    private func reply(_ generator: inout Seeded) -> ControlReply {
        var reply = ControlReply()
        reply.requestID = number(&generator)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0:
            var lease = ControlLease()
            lease.leaseID = bytes(16, &generator)
            lease.durationMs = number(&generator)
            reply.result = .create(lease)
        case 1:
            var plan = ControlBlockPlan()
            plan.block = number(&generator)
            plan.epoch = number(&generator)
            plan.maxLength = number(&generator)
            plan.chain = (0..<3).map { _ in node(&generator) }
            plan.token = bytes(128, &generator)
            plan.streamKey = bytes(32, &generator)
            if Bool.random(using: &generator) { plan.more = [plan, plan] }
            reply.result = .addBlock(plan)
        case 2: reply.result = .close(ControlEmpty())
        case 3:
            var open = ControlOpenReply()
            open.key = text(&generator)
            open.length = number(&generator)
            open.blocks = (0..<Int.random(in: 0...3, using: &generator)).map { _ in
                location(&generator)
            }
            open.value = number(&generator)
            reply.result = .open(open)
        case 4:
            var list = ControlListReply()
            for number in 0..<Int.random(in: 0...4, using: &generator) {
                var entry = ControlListEntry()
                entry.key = text(&generator)
                entry.length = self.number(&generator)
                entry.createdUnixMs = Int64(bitPattern: self.number(&generator))
                entry.prefix = number % 2 == 0
                list.entries.append(entry)
            }
            list.more = Bool.random(using: &generator)
            list.next = text(&generator)
            reply.result = .list(list)
        default:
            var info = ControlKeyInfo()
            info.key = text(&generator)
            info.exists = Bool.random(using: &generator)
            info.createdUnixMs = Int64(bitPattern: number(&generator))
            info.blocks = [location(&generator)]
            info.open = Bool.random(using: &generator)
            info.leaseRemainingMs = number(&generator)
            info.openBlocks = 7
            reply.result = .info(info)
        }
        return reply
    }

    @Test func repliesAreWrittenAsSwiftProtobufWritesThem() throws {
        var generator = Seeded(12)
        for _ in 0..<2_000 {
            let reply = reply(&generator)
            #expect(ReplyWriter.quick(reply) == (try reply.serializedBytes() as [UInt8]))
        }
    }

    @Test(
        "fault points",
        arguments: [
            ("close-before-commit:kill:1", true), ("commit:errno:3", true),
            ("create-after-commit-before-reply:delay=5:1", true), ("commit:kill", false),
            ("open-before-commit:kill:1", false), ("close-before-commit:errno:1", false),
            ("commit:kill:0", false), ("", false),
        ])
    func faults(text: String, isOne: Bool) {
        #expect((FaultPoint(text) != nil) == isOne)
    }
}
