import Reactor
import Transport
import Wire

// Steps 3 to 5 of a write: frames go to the head in order, one send at a time; the chain says how
// far it is, and how the block ends.
extension BlockWriters where Ring: ~Copyable {
    /// Sends the next thing the write's stream owes: credentials, a flush, a frame, the seal.
    mutating func pump(_ write: WriteIndex, _ core: inout StreamCore<Ring>) {
        guard isUsed(write), let index = at(write).pointee.connection, core.canSend(index)
        else { return }
        let entry = at(write)
        switch entry.pointee.nextToSend() {
        case .nothing: break
        case .opening:
            let isNextReady = isReady(write, ahead: 0, &core)
            let header = entry.pointee.open(isNextReady: isNextReady, using: &core.random)
            watch(write, &core)
            core.sendControl(index, header, payload: entry.pointee.request.opening.payload)
        case .flush:
            let header = entry.pointee.askFlush()
            rewatch(write, &core)
            core.sendControl(index, header)
        case .frame(let frame): send(frame, of: write, index, &core)
        case .seal:
            let header = entry.pointee.askSeal()
            rewatch(write, &core)
            core.sendControl(index, header)
        }
    }

    private mutating func send(
        _ frame: WriteWindow.Frame, of write: WriteIndex, _ index: ConnectionIndex,
        _ core: inout StreamCore<Ring>
    ) {
        guard canSend(frame, &core) else { return }
        let isNextReady = isReady(write, ahead: 1, &core)
        at(write).pointee.send(frame, core.slots[frame.buffer].header)
        watch(write, &core)
        core.sendData(index, slot: frame.buffer, flags: isNextReady ? .more : [])
    }

    /// A frame whose slot an older stream is still sending waits: its header is not changed under
    /// the kernel.
    @inline(__always)
    private func canSend(_ frame: WriteWindow.Frame, _ core: inout StreamCore<Ring>) -> Bool {
        frame.isReady && core.slots.holders(frame.buffer) == 1
    }

    /// Whether what follows the next `ahead` frames can be sent without waiting for anything.
    @inline(__always)
    private func isReady(
        _ write: WriteIndex, ahead: Int, _ core: inout StreamCore<Ring>
    ) -> Bool {
        guard let frame = at(write).pointee.frame(ahead) else {
            return at(write).pointee.isComplete
        }
        return canSend(frame, &core)
    }

    /// The chain is to make durable what was provided so far.
    mutating func flush(_ write: WriteIndex, _ core: inout StreamCore<Ring>) -> UInt64 {
        let end = at(write).pointee.wantFlush()
        pump(write, &core)
        return end
    }

    // MARK: 4. Ack

    mutating func heardAck(
        _ write: WriteIndex, _ header: FrameHeader, _ core: inout StreamCore<Ring>
    ) -> AfterFrame {
        guard hear(write, header, &core) else { return .nothing }
        if at(write).pointee.answer() { rewatch(write, &core) }
        feed(write, &core)
        return .next
    }

    /// `false`: the stream failed over it.
    private mutating func hear(
        _ write: WriteIndex, _ header: FrameHeader, _ core: inout StreamCore<Ring>
    ) -> Bool {
        let entry = at(write)
        do throws(StreamFailure) {
            guard try entry.pointee.hear(header) else { return true }
        } catch {
            fail(write, error, &core)
            return false
        }
        while let frame = entry.pointee.window.popAcked() { core.slots.release(frame.buffer) }
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
        guard hear(write, header, &core) else { return .nothing }
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
        while let frame = entry.pointee.window.popAny() { core.slots.release(frame.buffer) }
        core.news.add(.write(write))
        return .over
    }
}
