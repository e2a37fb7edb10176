import Control
import Testing
import Wire

@Suite("Locations")
struct LocationTests {
    @Test(
        "distance",
        arguments: [
            ("/a/p/r/n/d", "/a/p/r/n/d", 0), ("/a/p/r/n/d", "/a/p/r/n/e", 1),
            ("/a/p/r/n/d", "/a/p/r/m/d", 2), ("/a/p/r/n/d", "/a/p/s/n/d", 3),
            ("/a/p/r/n/d", "/a/q/r/n/d", 4), ("/a/p/r/n/d", "/b/p/r/n/d", 5),
            ("/a/p/r/n", "/a/p/r/n", 1), ("/a", "/a/p/r/n/d", 4),
        ])
    func distance(left: String, right: String, expected: Int) throws {
        let (one, two) = (try #require(Location(left)), try #require(Location(right)))
        #expect(one.distance(to: two) == expected)
        #expect(two.distance(to: one) == expected)
        #expect(one.description == left)
    }

    @Test(
        "what is not a location",
        arguments: [
            "", "/", "a/b", "/a//b", "/a/b/c/d/e/f", "/a b", "/a/", "/a\u{7}",
            "/" + String(repeating: "x", count: 65),
        ])
    func malformed(text: String) { #expect(Location(text) == nil) }

    @Test func theStandardPlace() throws {
        let id = try #require(NodeID("00000000-0000-4000-8000-000000000001"))
        let place = Location.standard(for: id)
        #expect(place.description == "/default/default/default/\(id)")
        #expect(place.device("d")?.description == "/default/default/default/\(id)/d")
        #expect(place.device("d")?.node == place)
    }

    @Test func aMapIsReadLineByLine() throws {
        let id = NodeID(high: 0, low: 1)
        let map = try LocationMap(
            parsing: """
                # a comment

                \(id)   /az1/p/r/n1
                10.0.0.2:7500\t/az2/p/r/n2
                """)
        #expect(map.count == 2)
        #expect(map.location(of: id, host: "x", port: 1)?.description == "/az1/p/r/n1")
        let other = NodeID(high: 0, low: 2)
        #expect(map.location(of: other, host: "10.0.0.2", port: 7_500)?.names.first == "az2")
        #expect(map.location(of: other, host: "10.0.0.2", port: 7_501) == nil)
    }

    @Test("line ends are the editor's", arguments: ["\n", "\r\n", "\r"])
    func aMapFromAnyEditor(end: String) throws {
        let lines = [
            "\u{feff}# a comment", "", "10.0.0.2:7500 /az2/p/r/n2", "10.0.0.3:1 /a/p/r/n3",
        ]
        let map = try LocationMap(parsing: lines.map { $0 + end }.joined())
        let node = NodeID(high: 0, low: 2)
        #expect(map.count == 2)
        #expect(map.location(of: node, host: "10.0.0.2", port: 7_500)?.names.last == "n2")
        #expect(throws: LocationMap.Malformed.self) {
            try LocationMap(parsing: (lines + ["nonsense"]).map { $0 + end }.joined())
        }
    }

    @Test func linesThatPlaceNobodyAreNamedOnceEverybodyCouldHaveCome() throws {
        let map = try LocationMap(
            parsing: "127.0.0.1:9001 /a/p/r/n1\r\n127.0.0.1:9 /a/p/r/n2\r\n\r\n"
                + "\(NodeID(high: 7, low: 7)) /a/p/r/n3\r\n")
        var desk = try Desk(nodes: 1, map: map)
        func warnings() -> [String] {
            desk.notices.filter { $0.message.contains("location map") }
                .compactMap { $0.details["line"] }
        }
        try desk.pass(9_000)
        #expect(warnings() == [])
        try desk.pass(20_000)
        #expect(warnings() == ["2", "4"])
    }

    @Test(
        "a wrong line is named",
        arguments: [
            "node-1 /a/p/r/n", "10.0.0.1:1", "10.0.0.1:1 /a/p/r/n/d", "10.0.0.1:1 a/p",
            "10.0.0.1:1 /a/p/r/n more",
        ])
    func malformedMap(line: String) {
        do {
            _ = try LocationMap(parsing: "# fine\n" + line)
            Issue.record("\(line) was read")
        } catch {
            #expect(error.line == 2)
        }
    }

    @Test func theDatanodesWordThenTheMapThenTheStandardPlace() throws {
        let id = FakeNode(1).id
        let map = try LocationMap(parsing: "\(id) /map/p/r/n\n127.0.0.1:9002 /map/p/r/m")
        var desk = try Desk(nodes: 3, map: map)
        func place(_ index: Int) -> String? {
            desk.engine.namenode.nodes[desk.nodes[index].id]?.location.description
        }
        #expect(place(0) == "/map/p/r/n")
        #expect(place(1) == "/map/p/r/m")
        #expect(place(2) == Location.standard(for: desk.nodes[2].id).description)
        desk.nodes[0].location = "/own/p/r/n/d"
        try desk.register(0)
        #expect(place(0) == "/own/p/r/n")
        desk.nodes[0].location = "/own"
        try desk.register(0)
        #expect(place(0) == "/own")
        desk.nodes[0].location = "own"
        #expect(try desk.register(0).code == .malformed)
    }
}
