import Testing
import Wire

@testable import DataPath

struct RecycledFilesTests {
    private func files(_ pages: [UInt32], mostBytes: UInt64 = 1 << 40) -> RecycledFiles {
        var files = RecycledFiles(mostBytes: mostBytes)
        for (number, pages) in pages.enumerated() {
            let isKept = files.add(RecycledFiles.File(number: UInt64(number), pages: pages))
            #expect(isKept)
        }
        return files
    }

    @Test func theSmallestThatFitsIsTaken() {
        var files = files([500, 3, 100, 101, 100])
        let wanted: [UInt32] = [100, 100, 100, 100, 496, 2]
        let taken = wanted.map { files.take(pages: $0)?.pages }
        #expect(taken == [100, 100, 101, nil, 500, 3], "500 pages would waste 400")
        #expect(files.count == 0 && files.bytes == 0)
    }

    @Test func theBoundsHold() {
        var files = files([2, 2], mostBytes: 5 * 4096)
        let isKept = [UInt32(2), 0].map { files.add(RecycledFiles.File(number: 9, pages: $0)) }
        #expect(isKept == [false, false], "no room for two pages, and no file of none")
        #expect(!files.hasRoom(pages: 2) && files.hasRoom(pages: 1))
        var many = RecycledFiles(mostBytes: .max)
        let added = (0...UInt64(RecycledFiles.mostFiles)).map {
            many.add(RecycledFiles.File(number: $0, pages: 1))
        }
        #expect(added.last == false && !added.dropLast().contains(false))
    }

    @Test func theLargestGoesFirstWhenSpaceIsShort() {
        var files = files([7, 900, 12])
        let taken = [files.takeLargest()?.pages, files.takeLargest()?.pages]
        #expect(taken == [900, 12])
        #expect(files.bytes == 7 * 4096)
    }

    @Test func aNameIsANumberAndNothingElse() {
        #expect(RecycledFiles.number(of: RecycledFiles.name(0xab)) == 0xab)
        #expect(RecycledFiles.number(of: "00000000000000ab.blk") == nil)
        #expect(RecycledFiles.number(of: "ab.free") == nil)
    }

    /// At most 1 % for full blocks, 12 KiB for one of 4 KiB.
    @Test func aRecycledFileKeepsTheOverheadInBounds() {
        let small = BlockLayout.filePages(length: 4096)
        #expect(RecycledFiles.mostPages(for: small) * 4096 - 4096 <= 12 << 10)
        let full = BlockLayout.filePages(length: 128 << 20)
        #expect(UInt64(RecycledFiles.mostPages(for: full)) * 4096 <= (128 << 20) * 1013 / 1000)
    }
}
