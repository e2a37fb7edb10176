import Glibc
import System
import Testing

/// What is written as text and read back: hexadecimal, the secret's file, errors.
@Suite struct TextTests {
    @Test func hexadecimalIsPadded() {
        #expect(hexadecimal(UInt64(0xab), digits: 16) == "00000000000000ab")
        #expect(hexadecimal(UInt8.max, digits: 2) == "ff")
        #expect(hexadecimal(UInt32.max, digits: 4) == "ffffffff")
        #expect(hexadecimal([0, 0x1f, 0xa0]) == "001fa0")
    }

    @Test func hexadecimalIsReadInEitherCase() {
        #expect(UInt64(hexadecimal: "00Ff") == 255)
        #expect([UInt8](hexadecimal: "09aAfF") == [0x09, 0xaa, 0xff])
        #expect([UInt8](hexadecimal: "") == [])
        let all = (0...UInt8.max).map { $0 }
        #expect([UInt8](hexadecimal: hexadecimal(all)) == all)
    }

    /// The standard library's own reader takes a sign, also within a pair of digits.
    @Test(arguments: ["+1", "-1", " 1", "1 ", "0x", "g1", "１１", "1:", "/1", "@1", "`1"])
    func onlyDigitsAreHexadecimal(text: String) {
        #expect(UInt64(hexadecimal: text) == nil)
        #expect([UInt8](hexadecimal: text) == nil)
    }

    @Test func halfAByteAndTooMuchAreRefused() {
        #expect([UInt8](hexadecimal: "abc") == nil)
        #expect(UInt64(hexadecimal: "") == nil)
        #expect(UInt32(hexadecimal: "100000000") == nil)
    }

    @Test func errorsHaveTheSystemsWords() {
        #expect(errorText(ENOENT) == "No such file or directory")
        #expect(errorText(EMFILE).contains("ulimit -n"))
        #expect(errorText(EADDRINUSE).contains("choose another port"))
        #expect(!errorText(99_999).isEmpty)
        #expect(SystemFailure("open x", code: EACCES).description == "open x: Permission denied")
    }

    /// Published numbers of SplitMix64: a seed gives the same with every build.
    @Test func seededNumbersAreTheSameEverywhere() {
        var random = Seeded(1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        var zero = Seeded(0)
        #expect(zero.next() == 0xe220_a839_7b1d_cdaf)
    }
}
