import Foundation
import Glibc
import System
import TestSupport
import Testing

@Suite struct SecretFileTests {
    private static let secret = (0..<32).map { UInt8($0 * 8 + 1) }
    private static let digits = hexadecimal(secret)

    private func read(_ text: String) throws -> [UInt8] {
        try ScratchFolder.withFile(text) { try SecretFile.read($0) }
    }

    @Test func whatIsWrittenReadsBack() throws {
        #expect(try read(SecretFile.text(of: Self.secret)) == Self.secret)
    }

    @Test(arguments: [digits, digits.uppercased(), " \(digits)\r\n", "\n\(digits)\n\n"])
    func whiteSpaceAroundItMayStand(text: String) throws {
        #expect(try read(text) == Self.secret)
    }

    @Test(arguments: [
        "", "\n", String(digits.dropLast()), digits + "00",
        // Taken for digits before: a sign within a pair, white space within the number.
        "+1" + digits.dropFirst(2), String(digits.prefix(32)) + " " + digits.suffix(32),
        "zz" + digits.dropFirst(2), digits + String(repeating: "\n", count: 300),
    ])
    func otherTextIsNoSecret(text: String) {
        #expect(throws: SecretFile.Failure.malformed) { try read(text) }
    }

    @Test func aFileThatIsNotThereIsNamedSo() {
        #expect(throws: SecretFile.Failure.unreadable(errno: ENOENT)) {
            try SecretFile.read("/nowhere/cluster.secret")
        }
    }
}
