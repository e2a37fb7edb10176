import Transport
import Wire

// Steps 4 and 5 of a write: the chain says how far it is, and how the block ends.
extension BlockWriters where Ring: ~Copyable {
    // MARK: 4. Ack

    mutating func heardAck(
        _ write: WriteIndex, _ header: FrameHeader, _ core: inout StreamCore<Ring>
    ) -> AfterFrame {
        guard accept(header, of: write, &core) else { return .nothing }
        if at(write).pointee.answer() { rewatch(write, &core) }
        feed(write, &core)
        return .next
    }

    /// Takes what an answer says of the chain. `false`: it is against the rules, and the stream
    /// failed over it.
    private mutating func accept(
        _ header: FrameHeader, of write: WriteIndex, _ core: inout StreamCore<Ring>
    ) -> Bool {
        let entry = at(write)
        do throws(StreamFailure) {
            guard try entry.pointee.advance(to: header) else { return true }
        } catch {
            fail(write, error, &core)
            return false
        }
        while let frame = entry.pointee.window.popAcked() { core.buffers.release(frame.buffer) }
        core.news.add(.write(write))
        rewatch(write, &core)
        return true
    }

    // MARK: 5. Seal

    mutating func heardSealed(
        _ write: WriteIndex, _ header: FrameHeader, _ payload: [UInt8],
        _ core: inout StreamCore<Ring>
    ) -> AfterFrame {
        let entry = at(write)
        guard accept(header, of: write, &core) else { return .nothing }
        do throws(StreamFailure) {
            try entry.pointee.take(header.progress, receipt: payload)
        } catch {
            fail(write, error, &core)
            return .nothing
        }
        entry.pointee.connection = nil
        entry.pointee.isWatched = false
        core.rest(.write(write))
        // The chain has the whole block, whatever the last acks said of it.
        while let frame = entry.pointee.window.popAny() { core.buffers.release(frame.buffer) }
        core.news.add(.write(write))
        return .over
    }
}
