import Client
import ControlClient
import FoundationEssentials
import TestSupport
import Testing
import Wire

struct NamespaceClientTests {
    private func client(
        _ namenode: FakeNamenode, milliseconds: Int64 = 20_000
    ) -> NamespaceClient {
        let caller = ControlCaller(
            namenode.endpoint, settings: .init(role: .client),
            retry: .init(totalMilliseconds: milliseconds, pause: 1))
        return NamespaceClient(caller)
    }

    private func answering(
        _ reply: @escaping @Sendable (ControlRequest) -> ControlReply
    ) -> FakeNamenode {
        FakeNamenode { peer, _ in
            _ = peer.greet()
            peer.serve(reply)
        }
    }

    private func refusing(_ code: ControlCode) -> FakeNamenode {
        answering { _ in
            var reply = ControlReply()
            reply.code = code
            reply.message = "why"
            reply.liveNodes = 1
            reply.neededNodes = 3
            return reply
        }
    }

    private static func nodes(_ count: Int) -> [ControlNode] {
        (1...count).map { number in
            var node = ControlNode()
            node.nodeID = Data(NodeID(high: 7, low: UInt64(number)).bytes)
            node.host = "127.0.0.1"
            node.port = UInt32(9_000 + number)
            node.location = "/a/b/c/d\(number)"
            return node
        }
    }

    private let lease = Lease(id: LeaseID(high: 3, low: 4), key: "k", milliseconds: 1)

    @Test func everyRefusalHasItsError() {
        let expected: [(ControlCode, ClientError)] = [
            (.notFound, .notFound(key: "k")), (.exists, .exists(key: "k")),
            (.leased, .leased(key: "k")),
            (.tooFewNodes, .tooFewNodes(live: 1, needed: 3, reason: "why")),
            (.badKey, .badKey(key: "k", reason: "why")), (.leaseExpired, .leaseExpired(key: "k")),
            (.noSpace, .noSpace(reason: "why")), (.busy, .busy(reason: "why")),
            (.blockMismatch, .blockMismatch(key: "k", reason: "why")),
            (.badSecret, .denied(reason: "why")), (.internal, .namenodeFailed(reason: "why")),
            (.malformed, .badArgument("why")),
        ]
        for (code, error) in expected {
            let namenode = refusing(code)
            #expect(throws: error, "\(code)") {
                try client(namenode, milliseconds: code.canPass ? 1_000 : 20_000).create("k")
            }
        }
    }

    @Test func keysAreBoundedBeforeTheyAreSent() {
        let namenode = refusing(.busy)
        for key in ["", String(repeating: "k", count: 1_025), String(repeating: "ä", count: 513)] {
            #expect { try client(namenode).create(key) } throws: { error in
                if case ClientError.badKey = error { true } else { false }
            }
        }
        #expect(namenode.requests.isEmpty)
    }

    @Test func aPlanIsTheWritesPayload() throws {
        let token = [UInt8](repeating: 5, count: Token.byteCount)
        let namenode = answering { request in
            #expect(request.addBlock.sizeHint == 10)
            #expect(request.addBlock.exclude == [Data(NodeID(high: 1, low: 1).bytes)])
            var reply = ControlReply()
            reply.addBlock.block = 42
            reply.addBlock.epoch = 1
            reply.addBlock.maxLength = 1 << 20
            reply.addBlock.chain = Self.nodes(3)
            reply.addBlock.token = Data(token)
            reply.addBlock.streamKey = Data(0..<32)
            return reply
        }
        let plan = try client(namenode).addBlock(
            lease, sizeHint: 10, exclude: [NodeID(high: 1, low: 1)])
        #expect(plan.block == BlockID(42))
        #expect(plan.maxLength == 1 << 20)
        #expect(plan.credentials.token == token)
        #expect(plan.key.bytes == Array(0..<32))
        #expect(plan.credentials.chain.nodes.map(\.port) == [9_001, 9_002, 9_003])
    }

    /// A namenode that goes mad harms nobody.
    @Test func impossibleAnswersAreMalformed() {
        let token = Data([UInt8](repeating: 5, count: Token.byteCount))
        let changes: [@Sendable (inout ControlBlockPlan) -> Void] = [
            { $0.chain = [] }, { $0.chain = Self.nodes(6) }, { $0.chain[1] = $0.chain[0] },
            { $0.chain[0].nodeID = Data([1]) }, { $0.chain[0].port = 65_536 },
            { $0.chain[0].host = "" }, { $0.token = Data([1]) }, { $0.maxLength = 0 },
            { $0.streamKey = Data(0..<31) },
            { $0.maxLength = .max },
        ]
        for (index, change) in changes.enumerated() {
            let namenode = answering { _ in
                var reply = ControlReply()
                reply.addBlock.maxLength = 1 << 20
                reply.addBlock.chain = Self.nodes(3)
                reply.addBlock.token = token
                reply.addBlock.streamKey = Data(0..<32)
                change(&reply.addBlock)
                return reply
            }
            #expect {
                try client(namenode).addBlock(lease)
            } throws: { error in
                if case ClientError.malformed = error { true } else { false }
            }
            #expect(namenode.requests.count == 1, "change \(index)")
        }
    }

    @Test func aListingIsFetchedPageByPage() throws {
        let keys = (0..<25).map { "k\($0 < 10 ? "0" : "")\($0)" }
        let namenode = answering { request in
            let rest = keys.filter { $0 > request.list.startAfter }
            let page = rest.prefix(Int(request.list.limit))
            var reply = ControlReply()
            reply.list.entries = page.map { key in
                var entry = ControlListEntry()
                entry.key = key
                entry.length = 3
                return entry
            }
            reply.list.more = page.count < rest.count
            reply.list.next = reply.list.more ? page.last ?? "" : ""
            return reply
        }
        let namespace = client(namenode)
        var cursor = namespace.keys(page: 10)
        var found: [String] = []
        while let entry = try cursor.next() { found.append(entry.key) }
        #expect(found == keys)
        #expect(namenode.requests.map(\.list.limit) == [10, 10, 10])
        #expect(try cursor.next() == nil)
    }

    @Test func aListingThatDoesNotGoOnIsMalformed() {
        let namenode = answering { request in
            var reply = ControlReply()
            reply.list.more = true
            reply.list.next = request.list.startAfter
            return reply
        }
        #expect(throws: ClientError.malformed(reason: "a listing that does not go on")) {
            try client(namenode).list(startAfter: "a")
        }
    }

    @Test func renameNamesTheKeyThatIsMeant() {
        for (code, error): (ControlCode, ClientError) in [
            (.notFound, .notFound(key: "a")), (.exists, .exists(key: "b")),
            (.leased, .leased(key: "b")),
        ] {
            let namenode = refusing(code)
            #expect(throws: error) { try client(namenode).rename("a", to: "b") }
        }
    }

    @Test func closeWaitsForDurability() throws {
        let namenode = FakeNamenode { peer, _ in
            _ = peer.greet()
            for code in [ControlCode.notDurable, .notDurable, .ok] {
                guard let request = peer.request() else { return }
                var reply = ControlReply()
                reply.requestID = request.requestID
                reply.code = code
                peer.send(reply)
            }
        }
        let receipt = Receipt(
            level: .durable, checksum: 1, key: KeyID(2), cluster: .none, block: BlockID(3),
            epoch: Epoch(4), length: 5)
        try client(namenode).close(
            lease, blocks: [SignedReceipt(receipt: receipt, signature: [9])], durability: .written)
        // The namenode keeps no refusal: the same request is judged anew.
        #expect(namenode.requests.map(\.requestID) == [1, 1, 1])
        let close = try #require(namenode.requests.last).close
        #expect(close.durability == .written)
        let shown = try #require(close.blocks.first)
        #expect(shown.level == .durable && shown.block == 3 && shown.length == 5)
        #expect(shown.crc == 1 && shown.keyID == 2 && shown.epoch == 4)
        #expect(Array(shown.signature) == [9])
        #expect(Array(close.leaseID) == lease.id.bytes)
    }

    @Test func infoAndOpenTellTheBlocks() throws {
        let namenode = answering { request in
            var block = ControlBlockLocation()
            block.block = 8
            block.offset = 100
            block.length = 50
            block.crc = 0xabcd
            block.replicas = Self.nodes(2)
            var reply = ControlReply()
            if case .open = request.operation {
                block.token = Data([UInt8](repeating: 1, count: Token.byteCount))
                block.streamKey = Data(0..<32)
                reply.open.key = "k"
                reply.open.length = 150
                reply.open.blocks = [block]
            } else {
                reply.info.key = "k"
                reply.info.exists = true
                reply.info.length = 150
                reply.info.blocks = [block]
                reply.info.open = true
                reply.info.openLength = 5
            }
            return reply
        }
        let namespace = client(namenode)
        let info = try namespace.info("k")
        #expect(info.open?.length == 5)
        #expect(info.blocks.first?.credentials == nil)
        #expect(info.blocks.first?.replicas.map(\.location) == ["/a/b/c/d1", "/a/b/c/d2"])
        let open = try namespace.open("k", offset: 100, length: 1)
        #expect(open.length == 150)
        #expect(open.blocks.first?.credentials?.chain.nodes.count == 2)
        #expect(open.blocks.first?.checksum == 0xabcd)
    }

    @Test func everyErrorHasASentenceAndItsFacts() {
        let error = ClientError.tooFewNodes(live: 1, needed: 3, reason: "1 is live of 3")
        #expect(error.description.contains("1 is live of 3"))
        #expect(error.kind == .unavailable)
        #expect(ClientError.notFound(key: "a/b").description.contains("'a/b'"))
        #expect(ClientError.notFound(key: "a").kind == .notFound)
        #expect(ClientError.exists(key: "a").kind == .exists)
        #expect(ClientError.leased(key: "a").kind == .retryLater)
    }
}
