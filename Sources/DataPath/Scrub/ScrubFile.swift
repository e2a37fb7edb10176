import System
import Wire

/// What a data directory keeps of its scrub, in the file `scrub`: where each reactor's pass stands,
/// and which blocks were found corrupt, so that a restart neither begins anew nor serves them.
///
/// ```
/// catena-scrub 1
/// pass 0 of 2 after 00000000000004d2 complete 3
/// corrupt 0000000000000017 epoch 1
/// ```
/// A pass counts only for as many reactors as there were: with another number it begins anew.
package struct ScrubFile: Equatable, Sendable {
    static let format = "catena-scrub 1"
    static let name = "scrub"

    struct Pass: Equatable, Sendable {
        var reactor: Int
        var reactors: Int
        var after: BlockID
        var passes: UInt64
    }

    var passes: [Pass] = []
    package var corrupt: [BlockID: Epoch] = [:]

    init() {}

    var text: String {
        var lines = [Self.format]
        for pass in passes.sorted(by: { $0.reactor < $1.reactor }) {
            lines.append(
                "pass \(pass.reactor) of \(pass.reactors) after \(pass.after) "
                    + "complete \(pass.passes)")
        }
        for (block, epoch) in corrupt.sorted(by: { $0.key < $1.key }) {
            lines.append("corrupt \(block) epoch \(epoch)")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// `nil` for anything but what `text` writes.
    init?(_ text: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first.map(String.init) == Self.format, lines.last == "" else { return nil }
        for line in lines.dropFirst().dropLast() {
            let words = line.split(separator: " ").map(String.init)
            switch words.first {
            case "pass":
                guard let pass = Self.pass(words) else { return nil }
                passes.append(pass)
            case "corrupt":
                guard words.count == 4, words[2] == "epoch", let block = Self.block(words[1]),
                    let epoch = UInt64(words[3])
                else { return nil }
                corrupt[block] = Epoch(epoch)
            default: return nil
            }
        }
    }

    private static func pass(_ words: [String]) -> Pass? {
        guard words.count == 8, words[2] == "of", words[4] == "after", words[6] == "complete",
            let reactor = Int(words[1]), let reactors = Int(words[3]),
            let after = block(words[5]), let passes = UInt64(words[7])
        else { return nil }
        return Pass(reactor: reactor, reactors: reactors, after: after, passes: passes)
    }

    private static func block(_ text: String) -> BlockID? {
        guard text.utf8.count == 16 else { return nil }
        return UInt64(hexadecimal: text).map { BlockID($0) }
    }
}

extension ScrubFile {
    /// Bytes of the file that are read: more than 600,000 corrupt blocks take.
    private static let mostBytes = 32 << 20

    /// What the scrub kept in a folder; an empty one where there is no file.
    /// - Throws: when it cannot be read or is not ours: what it says of corrupt blocks must not be
    ///   lost without a word.
    static func read(_ records: some Folder) throws(StartFailure) -> ScrubFile {
        let place = "\(records.path)/\(name)"
        let text: String?
        do throws(FileFailure) { text = try records.text(of: name, most: mostBytes) } catch {
            throw DataDirectory.refused("cannot read", place, error)
        }
        guard let text else { return ScrubFile() }
        guard let kept = ScrubFile(text) else {
            throw StartFailure(
                .configuration,
                "\(place) is not a scrub file of this format: move it away, and every block is "
                    + "scrubbed anew; blocks it named as corrupt are served until they are found "
                    + "again")
        }
        return kept
    }

    /// Where the passes go on, of all devices.
    static func cursors(_ kept: [ScrubFile]) -> [ScrubCursor] {
        kept.enumerated().flatMap { device, file in
            file.passes.map {
                ScrubCursor(
                    device: device, reactor: $0.reactor, reactors: $0.reactors, after: $0.after,
                    passes: $0.passes)
            }
        }
    }
}
