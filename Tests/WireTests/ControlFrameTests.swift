import System
import Testing
import Wire

struct ControlFrameTests {
    private func request(_ number: UInt64, key: String) -> ControlRequest {
        var create = ControlCreate()
        create.key = key
        var request = ControlRequest()
        request.requestID = number
        request.create = create
        return request
    }

    @Test func aFrameHasItsLengthInFront() throws {
        // Field 2, varint 7; field 12, 3 bytes: field 1, 1 byte, "k".
        let body = bytes(hex: "1007 6203 0a016b")
        let frame = try ControlFrame.encode(request(7, key: "k"))
        #expect(Array(frame.prefix(4)) == [7, 0, 0, 0])
        #expect(Array(frame.dropFirst(4)) == body)
    }

    /// Whatever pieces the bytes come in, the same messages come out.
    @Test func anyCutGivesTheSameMessages() throws {
        let seed: UInt64 = 0xc07
        var generator = Seeded(seed)
        for round in 0..<300 {
            let sent = (0..<5).map { number in
                let length = Int.random(in: 0...300, using: &generator)
                return request(UInt64(number), key: String(repeating: "k", count: length))
            }
            var stream = try sent.flatMap { try ControlFrame.encode($0) }[...]
            var decoder = ControlFrameDecoder()
            var received: [ControlRequest] = []
            while !stream.isEmpty {
                let count = Int.random(in: 1...100, using: &generator)
                decoder.append(stream.prefix(count))
                stream = stream.dropFirst(count)
                while let body = try decoder.next() {
                    received.append(try ControlFrame.decode(ControlRequest.self, from: body))
                }
            }
            #expect(received == sent, "seed \(seed) round \(round)")
            #expect(decoder.buffered == 0)
        }
    }

    @Test func aLengthOverTheBoundIsRefusedAtOnce() throws {
        var decoder = ControlFrameDecoder()
        decoder.append([0, 0, 16, 0])
        #expect(try decoder.next() == nil)
        var tooLong = ControlFrameDecoder()
        tooLong.append([1, 0, 16])
        #expect(try tooLong.next() == nil)
        tooLong.append([0])
        #expect(throws: ControlFrame.Failure.tooLong((1 << 20) + 1)) { try tooLong.next() }
        var greatest = ControlFrameDecoder()
        greatest.append([0xff, 0xff, 0xff, 0xff])
        #expect(throws: ControlFrame.Failure.tooLong(.max)) { try greatest.next() }
    }

    @Test func aMessageOverTheBoundIsNotSent() {
        let long = request(1, key: String(repeating: "k", count: Limits.controlMessageBytes))
        #expect(throws: ControlFrame.Failure.self) { try ControlFrame.encode(long) }
    }

    @Test func anEmptyBodyIsAMessage() throws {
        var decoder = ControlFrameDecoder()
        decoder.append([0, 0, 0, 0])
        let body = try #require(try decoder.next())
        #expect(try ControlFrame.decode(ControlRequest.self, from: body) == ControlRequest())
    }

    @Test func noiseIsUnreadableAndNeverATrap() throws {
        let seed: UInt64 = 0x9015e
        var generator = Seeded(seed)
        var unreadable = 0
        for _ in 0..<5_000 {
            let noise = generator.bytes(Int.random(in: 0...200, using: &generator))
            do throws(ControlFrame.Failure) {
                _ = try ControlFrame.decode(ControlRequest.self, from: noise)
            } catch {
                #expect(error == .unreadable)
                unreadable += 1
            }
        }
        #expect(unreadable > 1_000, "seed \(seed)")
    }
}
