import Testing
import ToolSupport

struct OutputTests {
    @Test(arguments: [
        ("0", 0), ("4096", 4_096), ("64KiB", 65_536), ("64k", 65_536), ("64 kib", 65_536),
        ("128MiB", 134_217_728), ("1.5GiB", 1_610_612_736), ("10MB", 10_000_000), ("1kB", 1_000),
        ("17B", 17), ("0.5KiB", 512),
    ])
    func sizesAreRead(_ text: String, _ bytes: Int) {
        #expect(ByteSize.parse(text) == UInt64(bytes))
    }

    @Test(arguments: [
        "", "KiB", "-1", "+1", "1.5", "1e3", "0x10", "1KiBs", "1.2.3KiB", "99999999999999PiB",
        "18446744073709551616", "1 Ki B x", "nan", "١",
    ])
    func otherSizesAreRefused(_ text: String) { #expect(ByteSize.parse(text) == nil) }

    @Test func sizesAreWritten() {
        #expect(ByteSize.format(0) == "0 B")
        #expect(ByteSize.format(1_023) == "1023 B")
        #expect(ByteSize.format(65_536) == "64 KiB")
        #expect(ByteSize.format(134_217_729) == "128.0 MiB")
        #expect(ByteSize.format(.max) == "16384.0 PiB")
        #expect(ByteSize.formatRate(214_700_000) == "214.7 MB/s")
        #expect(ByteSize.formatRate(999) == "999 B/s")
        #expect(ByteSize.formatRate(.infinity) == "-")
    }

    @Test func durationsAreReadAndWritten() {
        for (text, milliseconds): (String, Int64) in [
            ("250ms", 250), ("5s", 5_000), ("5", 5_000), ("2m", 120_000), ("1h", 3_600_000),
            ("1.5s", 1_500), ("1d", 86_400_000), ("0", 0),
        ] { #expect(TimeSpan.parse(text) == milliseconds, "\(text)") }
        for text in ["", "s", "-1s", "1 week", "1e9s", "99999999999999999d"] {
            #expect(TimeSpan.parse(text) == nil, "\(text)")
        }
        for (milliseconds, text): (Int64, String) in [
            (0, "0ms"), (999, "999ms"), (4_250, "4.2s"), (185_000, "3m 05s"),
            (7_800_000, "2h 10m"), (442_800_000, "5d 3h"), (-5, "0ms"),
        ] { #expect(TimeSpan.format(milliseconds) == text) }
    }

    @Test func jsonIsEscapedAndOrdered() {
        let line = JSONLine([
            ("z", .string("a\"b\\c\n\t\u{1}é😀")), ("a", .array([.integer(-1), .unsigned(.max)])),
            ("n", .null), ("t", .bool(true)), ("d", .number(1.5)), ("i", .number(.infinity)),
            ("o", .object([])),
        ])
        #expect(
            line.text == #"{"schema_version":1,"z":"a\"b\\c\n\t\u0001é😀","#
                + #""a":[-1,18446744073709551615],"n":null,"t":true,"d":1.5,"i":null,"o":{}}"#
                + "\n")
    }

    @Test func tablesLineUp() {
        var table = Table([("NAME", .left), ("SIZE", .right), ("NOTE", .left)])
        table.add(["a", "1", ""])
        table.add(["longer", "1000", "x"])
        #expect(
            table.text == """
                NAME    SIZE  NOTE
                a          1
                longer  1000  x

                """)
    }

    @Test func whatActsOnATerminalIsEscaped() {
        let text = "a\u{1b}[31m\u{7f}\u{9b}\u{202e}\u{2066}\r\t\n\\\u{fc}"
        let escaped = #"a\x1b[31m\x7f\x9b\u{202e}\u{2066}\r\t"#
        #expect(ShownText.key(text) == escaped + #"\n\\ü"#)
        #expect(ShownText.line(text) == escaped + #"\n\ü"#)
        #expect(ShownText.line("plain \u{4e2d}") == "plain \u{4e2d}")
        #expect(shown(text, onTerminal: false) == text)
        #expect(shown(text, onTerminal: true) == ShownText.key(text))
        #expect(JSONValue.string("\u{9b}\u{202e}\u{1}").text == #""\u009b\u202e\u0001""#)
    }

    @Test func timesAreUTC() {
        #expect(Timestamp.format(0) == "1970-01-01T00:00:00.000Z")
        #expect(Timestamp.format(951_782_400_042) == "2000-02-29T00:00:00.042Z")
        #expect(Timestamp.format(-1) == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp.format(1_000, fraction: false) == "1970-01-01T00:00:01Z")
    }

    @Test func progressFitsTheTerminal() {
        let half = ProgressLine(label: "put", done: 1 << 20, total: 2 << 20, milliseconds: 1_000)
        #expect(
            half.text(columns: 80)
                == "put  50% [################................] 1 MiB of 2 MiB  1.0 MB/s  1.0s left"
        )
        for columns in [0, 1, 20, 40, 79, 200] {
            #expect(half.text(columns: columns).count <= columns, "\(columns) columns")
        }
        let pipe = ProgressLine(label: "put", done: 1 << 20, total: nil, milliseconds: 500)
        #expect(pipe.text(columns: 80) == "put  1 MiB  2.1 MB/s")
        let empty = ProgressLine(label: "put", done: 0, total: 0, milliseconds: 0)
        #expect(empty.text(columns: 80).hasPrefix("put 100%"))
        let more = ProgressLine(label: "put", done: 9, total: 3, milliseconds: 1)
        #expect(more.text(columns: 80).hasPrefix("put 100%"))
    }
}
