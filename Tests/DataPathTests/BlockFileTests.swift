import Glibc
import Reactor
import TestSupport
import Testing
import Wire

@testable import DataPath

/// The file's course as a table: an event a line, and the action that follows.
struct BlockFileTests {
    private let page = Outcome.done(4096)

    private func expect(
        _ action: BlockFile.Action, _ text: String, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect("\(action)" == text, sourceLocation: location)
    }

    /// A new file that says whose bytes follow.
    private func described() -> BlockFile {
        var file = BlockFile(of: nil)
        _ = file.opened(.done(7))
        _ = file.write(from: 0, chunks: 0, length: 0, maxLength: 1 << 20)
        _ = file.moved(page)
        #expect(file.takeBuffer() == 0 && file.isFree)
        return file
    }

    @Test func aFreshFileIsMadeAndSaysWhoseItIs() {
        var file = BlockFile(of: nil)
        expect(file.first, "open(isNew: true)")
        expect(file.opened(.again), "open(isNew: true)")
        #expect(!file.isOpen && !file.wantsBuffer)
        expect(file.opened(.done(7)), "opened")
        #expect(file.isOpen && file.wantsBuffer && !file.isFree && file.sequence == 1)
        expect(file.write(from: 3, chunks: 0, length: 0, maxLength: 1 << 20), "write")
        #expect(!file.wantsBuffer && file.kind == .writeOpenHeader)
        expect(file.moved(.again), "write")
        expect(file.moved(page), "described")
        #expect(file.takeBuffer() == 3 && file.takeBuffer() == nil && file.isFree)
        file.checkInvariants()
    }

    @Test func aSpareFileIsRenamedOrAFreshOneTakesItsPlace() {
        let spare = RecycledFiles.File(number: 5, pages: 20)
        var file = BlockFile(of: spare)
        if case .rename(let first) = file.first { #expect(first == spare) } else { Issue.record() }
        if case .rename = file.renamed(.again) {} else { Issue.record("it is tried again") }
        expect(file.renamed(.done(0)), "open(isNew: false)")
        for gone in [ENOENT, EINVAL] {
            file = BlockFile(of: spare)
            expect(file.renamed(.failed(gone)), "open(isNew: true)")
            #expect(file.takeUnusedSpare() == (gone == EINVAL ? spare : nil), "its file is there")
        }
        file = BlockFile(of: spare)
        #expect(file.takeUnusedSpare() == nil, "its rename is under way")
        if case .refused(let status) = file.renamed(.failed(EEXIST)) {
            #expect(status == .mayBeLost)
        } else {
            Issue.record("the name is taken")
        }
        #expect(file.takeUnusedSpare() == spare && file.takeUnusedSpare() == nil)
        file = BlockFile(of: spare)
        if case .failed = file.renamed(.failed(EIO)) {} else { Issue.record("the device failed") }
    }

    @Test func whatCannotBeOpenedIsTheBlocksFaultOrTheDevices() {
        let refused: [(Int32, Status)] = [
            (EEXIST, .mayBeLost), (EMFILE, .busy), (ENFILE, .busy),
        ]
        for (number, status) in refused {
            var file = BlockFile(of: nil)
            if case .refused(let said) = file.opened(.failed(number)) {
                #expect(said == status)
            } else {
                Issue.record("errno \(number)")
            }
        }
        // A name that is to be made needs only its directory; one that is there is missed.
        var fresh = BlockFile(of: nil)
        if case .failed = fresh.opened(.failed(ENOENT)) {} else { Issue.record() }
        var sealed = BlockFile.sealed
        if case .refused(.mayBeLost) = sealed.opened(.failed(ENOENT)) {
        } else {
            Issue.record()
        }
    }

    @Test func aFlushIsDescribedAndSyncedTheFirstTimeWithItsName() {
        var file = described()
        file.beginFlush()
        #expect(file.wantsBuffer && file.sequence == 2 && !file.isFree)
        expect(file.write(from: 1, chunks: 900, length: 1 << 26, maxLength: 1 << 27), "write")
        #expect(file.isTable && file.kind == .writeFlushTable)
        expect(file.moved(page), "write")
        #expect(!file.isTable && file.kind == .writeFlushHeader)
        expect(file.moved(page), "described")
        #expect(file.takeBuffer() == 1)
        expect(file.sync(), "sync")
        expect(file.synced(), "syncName")
        expect(file.synced(), "durable")
        file.beginFlush()
        _ = file.write(from: 1, chunks: 0, length: 0, maxLength: 1 << 27)
        _ = file.moved(page)
        _ = file.takeBuffer()
        expect(file.sync(), "sync")
        expect(file.synced(), "durable")
        #expect(file.isFree && !file.isSealBegun)
        file.checkInvariants()
    }

    @Test func aSealIsWrittenTableFirstAndMadeDurableLater() {
        var file = described()
        file.beginSeal()
        #expect(file.isSealBegun && !file.isSealSettled)
        expect(file.write(from: 1, chunks: 900, length: 1 << 26, maxLength: 1 << 26), "write")
        #expect(file.kind == .writeTable)
        expect(file.moved(page), "write")
        #expect(file.kind == .writeSealHeader)
        expect(file.moved(page), "described")
        _ = file.takeBuffer()
        #expect(file.isSealSettled)
        expect(file.sync(), "sync")
        #expect(!file.isSealSettled, "something is under way")
        expect(file.synced(), "syncName")
        expect(file.synced(), "durable")
        #expect(file.isSealSettled)
    }

    @Test func aShortWriteFailsAndAShortReadIsCorrupt() {
        var file = BlockFile(of: nil)
        _ = file.opened(.done(7))
        _ = file.write(from: 0, chunks: 0, length: 0, maxLength: 1 << 20)
        if case .failed(.failed(EIO)) = file.moved(.done(0)) {} else { Issue.record() }
        var sealed = BlockFile.sealed
        _ = sealed.opened(.done(7))
        expect(sealed.load(into: 0), "read")
        #expect(sealed.kind == .loadHeader)
        if case .tooShort = sealed.moved(.done(0)) {} else { Issue.record() }
    }

    @Test func itIsTrimmedOnceAndThenClosed() {
        var file = BlockFile(of: RecycledFiles.File(number: 5, pages: 20))
        _ = file.renamed(.done(0))
        _ = file.opened(.done(7))
        if case .punch(let offset, let count) = file.end(keeping: 15, maxLength: 1 << 16) {
            #expect(offset == 15 * 4096 && count == 5 * 4096)
        } else {
            Issue.record("five pages are too many")
        }
        if case .close = file.end(keeping: 15, maxLength: 1 << 16) {} else { Issue.record() }
        expect(file.end(keeping: 15, maxLength: 1 << 16), "closed")
        file.checkInvariants()
    }

    @Test func whatWasNeverOpenedIsClosedAtOnce() {
        let spare = RecycledFiles.File(number: 5, pages: 20)
        var file = BlockFile(of: spare)
        _ = file.renamed(.again)
        expect(file.end(keeping: nil, maxLength: 1 << 16), "closed")
        #expect(file.takeUnusedSpare() == spare, "it was to be renamed once more")
        file.checkInvariants()
    }
}
