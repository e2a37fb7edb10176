import Testing

@testable import DataPath

struct DeviceRoomTests {
    private static let mebibyte: UInt64 = 1 << 20

    private func room(
        free: UInt64, spares: UInt64 = 0, hasInodes: Bool = true
    ) -> DeviceRoom {
        DeviceRoom(
            capacity: 160 * Self.mebibyte, free: free * Self.mebibyte,
            spareBytes: spares * Self.mebibyte, hasInodes: hasInodes)
    }

    @Test func whatSpareFilesHoldIsRoom() {
        #expect(room(free: 0, spares: 8).isThere)
        #expect(room(free: 2, spares: 8).usable == 10 * Self.mebibyte)
        #expect(room(free: 2, spares: 8).defect == nil)
        #expect(!room(free: 0).isThere)
        #expect(room(free: 0).defect?.contains("full") == true)
    }

    @Test func noInodesAreNoRoomUnlessSpareFilesGiveTheirs() {
        #expect(room(free: 100, hasInodes: false).usable == 0)
        #expect(room(free: 100, hasInodes: false).defect?.contains("inodes") == true)
        #expect(room(free: 100, spares: 1, hasInodes: false).isThere)
    }

    @Test func nothingIsGivenUpBeforeTheFirstLook() {
        var account = RoomAccount()
        account.claim(.max)
        #expect(!account.isShort)
        #expect(account.holds(.max, spareBytes: 0))
    }

    @Test func sparesGoAheadOfTheWrites() {
        var account = RoomAccount()
        account.saw(room(free: 30), reactors: 1, open: 5 * Self.mebibyte)
        #expect(!account.isShort)
        #expect(account.holds(25 * Self.mebibyte, spareBytes: 0))
        #expect(!account.holds(26 * Self.mebibyte, spareBytes: 0))
        #expect(account.holds(26 * Self.mebibyte, spareBytes: Self.mebibyte))
        account.claim(16 * Self.mebibyte)
        #expect(account.isShort)
        account.gained(Self.mebibyte)
        #expect(!account.isShort)
    }

    @Test func reactorsCountOnTheirPart() {
        var account = RoomAccount()
        account.saw(room(free: 40), reactors: 2, open: 0)
        #expect(account.unclaimed == Int64(20 * Self.mebibyte))
        account.saw(room(free: 40, hasInodes: false), reactors: 2, open: 0)
        #expect(account.isShort)
    }
}
