import Control
import Testing
import Wire

@Suite("LIST, DELETE, RENAME, OPEN")
struct NamespaceTests {
    private func filled() throws -> Desk {
        var desk = try Desk()
        for key in ["a", "a/1", "a/2/x", "a/2/y", "a0", "b/1", "é", "z"] {
            try desk.put(key, blocks: [])
        }
        return desk
    }

    @Test func keysComeInBytewiseOrder() throws {
        var desk = try filled()
        let names = try desk.list().entries.map(\.key)
        #expect(names == ["a", "a/1", "a/2/x", "a/2/y", "a0", "b/1", "z", "é"])
    }

    @Test func spellingsOfOneAccentAreTwoKeys() throws {
        var desk = try Desk()
        try desk.put("caf\u{e9}", blocks: [])
        try desk.put("cafe\u{301}", blocks: [])
        #expect(try desk.status().keys == 2)
    }

    @Test func aPrefixAndAStart() throws {
        var desk = try filled()
        #expect(try desk.list(prefix: "a/").entries.map(\.key) == ["a/1", "a/2/x", "a/2/y"])
        #expect(try desk.list(prefix: "a/", after: "a/1").entries.map(\.key) == ["a/2/x", "a/2/y"])
        #expect(try desk.list(prefix: "a/", after: "a0").entries.isEmpty)
        #expect(try desk.list(prefix: "b", after: "a").entries.map(\.key) == ["b/1"])
        #expect(try desk.list(prefix: "none").entries.isEmpty)
    }

    @Test func aDelimiterFoldsWhatLiesBehindIt() throws {
        var desk = try filled()
        let top = try desk.list(delimiter: "/")
        #expect(top.entries.map(\.key) == ["a", "a/", "a0", "b/", "z", "é"])
        #expect(top.entries.map(\.prefix) == [false, true, false, true, false, false])
        #expect(try desk.list(prefix: "a/", delimiter: "/").entries.map(\.key) == ["a/1", "a/2/"])
    }

    @Test(
        "pages put together are the whole", arguments: ["", "/", "2/"], [1, 2, 3, 100] as [UInt32])
    func pages(delimiter: String, limit: UInt32) throws {
        var desk = try filled()
        let whole = try desk.list(delimiter: delimiter).entries
        var found: [ControlListEntry] = []
        var after = ""
        for _ in 0...whole.count {
            let page = try desk.list(after: after, limit: limit, delimiter: delimiter)
            #expect(page.entries.count <= limit)
            found += page.entries
            after = page.next
            if !page.more { break }
        }
        #expect(found == whole)
    }

    @Test func aPageThatFillsAMessageIsCut() throws {
        var desk = try Desk { $0.bounds.replyListBytes = 200 }
        for number in 0..<9 { try desk.put("key-\(number)", blocks: []) }
        let page = try desk.list()
        #expect(page.more)
        #expect(page.entries.count == 4)
        #expect(try desk.list(after: page.next).entries.first?.key == "key-4")
    }

    @Test func foldedPrefixesAreSkippedAndNotWalked() throws {
        var desk = try Desk()
        for number in 0..<100 { try desk.put("dir/\(number)", blocks: []) }
        try desk.put("e", blocks: [])
        #expect(try desk.list(limit: 2, delimiter: "/").entries.map(\.key) == ["dir/", "e"])
    }

    @Test func deleteIsAtOnce() throws {
        var desk = try Desk()
        try desk.put("a", blocks: [10])
        #expect(try desk.delete("a").code == .ok)
        #expect(try desk.open("a").code == .notFound)
        #expect(try desk.delete("a").code == .notFound)
        let status = try desk.status()
        #expect(status.keys == 0)
        #expect(status.blocks == 0)
    }

    @Test func renameMovesTheValue() throws {
        var desk = try Desk()
        let blocks = try desk.put("a", blocks: [10]).map(\.block)
        try desk.put("c", blocks: [20])
        #expect(try desk.rename("none", "b").code == .notFound)
        #expect(try desk.rename("a", "c").code == .exists)
        #expect(try desk.rename("a", "").code == .badKey)
        #expect(try desk.rename("a", "a").code == .ok)
        #expect(try desk.rename("a", "b").code == .ok)
        #expect(try desk.open("a").code == .notFound)
        #expect(try desk.open("b").open.blocks.map(\.block) == blocks)
        #expect(try desk.rename("b", "c", overwrite: true).code == .ok)
        #expect(try desk.open("c").open.blocks.map(\.block) == blocks)
        #expect(try desk.status().blocks == 1)
    }

    @Test(
        "the blocks of a range",
        arguments: [
            (0, 0, [0, 1, 2]), (0, 1, [0]), (9, 1, [0]), (10, 1, [1]), (9, 2, [0, 1]),
            (29, 2, [1, 2]), (59, 9, [2]), (60, 1, []), (10, 0, [1, 2]),
        ] as [(UInt64, UInt64, [Int])])
    func range(offset: UInt64, length: UInt64, expected: [Int]) throws {
        var desk = try Desk()
        let plans = try desk.put("a", blocks: [10, 20, 30])
        let open = try desk.open("a", offset: offset, length: length).open
        #expect(open.length == 60)
        #expect(open.blocks.map(\.block) == expected.map { plans[$0].block })
    }

    @Test func aLongValueIsOpenedInPages() throws {
        var desk = try Desk { $0.bounds.replyListBytes = 2_000 }
        let plans = try desk.put("a", blocks: Array(repeating: 10, count: 30))
        var found: [UInt64] = []
        var offset: UInt64 = 0
        while offset < 300 {
            let blocks = try desk.open("a", offset: offset).open.blocks
            let last = try #require(blocks.last)
            found += blocks.map(\.block)
            offset = last.offset + last.length
        }
        #expect(found == plans.map(\.block))
    }
}
