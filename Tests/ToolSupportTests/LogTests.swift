import Logging
import Synchronization
import Testing
import ToolSupport

struct LogTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    /// What one event becomes, without its time.
    private func line(
        _ format: EventLogHandler.Format, level: Logger.Level = .info,
        _ log: (inout Logger) -> Void
    ) -> String? {
        let lines = Lines()
        var logger = Logger(label: "test") { _ in
            EventLogHandler(level: level, format: format) { text in
                lines.all.withLock { $0.append(text) }
            }
        }
        log(&logger)
        let all = lines.all.withLock { $0 }
        #expect(all.count <= 1)
        #expect(all.allSatisfy { $0.count { $0 == "\n" } == 1 && $0.hasSuffix("\n") })
        return all.first?.replacing(
            /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z/, with: "T")
    }

    @Test func jsonHasFixedFieldsFirst() {
        let text = line(.json) { logger in
            logger[metadataKey: "node"] = "n1"
            logger.info("block sealed", metadata: ["length": .stringConvertible(5), "a": "x\ny"])
        }
        #expect(
            text == #"{"ts":"T","level":"info","node":"n1","event":"block sealed","#
                + #""a":"x\ny","length":5}"# + "\n")
    }

    @Test func textIsOneLine() {
        let text = line(.text) { logger in
            logger[metadataKey: "node"] = "n1"
            logger.warning("peer\nslow", metadata: ["why": "no answer", "port": "7"])
        }
        #expect(text == "T warning [n1] peer slow port=7 why=\"no answer\"\n")
        #expect(line(.text) { $0.info("started") } == "T info started\n")
    }

    @Test func levelsAreKept() {
        #expect(line(.text, level: .warning) { $0.info("quiet") } == nil)
        #expect(line(.text, level: .debug) { $0.debug("loud") } != nil)
    }

    @Test func aNameIsNotThereTwice() {
        let text = line(.json) { $0.info("e", metadata: ["event": "mine", "level": "high"]) }
        #expect(
            text == #"{"ts":"T","level":"info","node":"","event":"e","event_":"mine","#
                + #""level_":"high"}"# + "\n")
    }
}
