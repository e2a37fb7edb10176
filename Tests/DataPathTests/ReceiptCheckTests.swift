import Testing
import Wire

@testable import DataPath

/// What a node takes from the chain behind it before it signs for it.
struct ReceiptCheckTests {
    private let key = SigningKey(id: KeyID(7), secret: [UInt8](0..<32), made: 0).unsafelyUnwrapped
    private let check = ReceiptCheck(
        cluster: ClusterID(high: 1, low: 2), block: BlockID(5), epoch: Epoch(3), length: 9,
        checksum: 0xe306_9283, level: .written, position: 2)

    private func judge(
        _ change: (inout Receipt) -> Void = { _ in }, signer: SigningKey? = nil
    ) -> Result<Level, ReceiptDefect> {
        var receipt = Receipt(
            level: .written, position: 2, checksum: 0xe306_9283, key: key.id,
            cluster: check.cluster, block: check.block, epoch: check.epoch, length: 9)
        change(&receipt)
        return judge(bytes: receipt.signed(with: signer ?? key))
    }

    private func judge(bytes: [UInt8]) -> Result<Level, ReceiptDefect> {
        do throws(ReceiptDefect) {
            return .success(try check.judge(bytes, keys: KeyRing([key], current: key.id)))
        } catch {
            return .failure(error)
        }
    }

    @Test func whatWasAskedForOrMoreIsTaken() {
        #expect(judge() == .success(.written))
        #expect(judge { $0.level = .durable } == .success(.durable))
    }

    @Test func everythingElseIsRefused() throws {
        #expect(judge { $0.level = .received } == .failure(.lowLevel(.received)))
        #expect(judge { $0.position = 0 } == .failure(.otherPlace(0, wanted: 2)))
        #expect(judge { $0.position = 3 } == .failure(.otherPlace(3, wanted: 2)))
        for change: (inout Receipt) -> Void in [
            { $0.block = BlockID(6) }, { $0.epoch = Epoch(2) }, { $0.length = 8 },
            { $0.checksum = 1 }, { $0.cluster = .none },
        ] {
            #expect(judge(change) == .failure(.otherBlock))
        }
        let stranger = try #require(
            SigningKey(id: KeyID(8), secret: [UInt8](0..<32), made: 0))
        #expect(judge({ $0.key = stranger.id }, signer: stranger) == .failure(.unknownKey))
        let forger = try #require(
            SigningKey(id: key.id, secret: [UInt8](1..<33), made: 0))
        #expect(judge(signer: forger) == .failure(.forged))
        #expect(judge(bytes: []) == .failure(.unreadable))
    }
}
