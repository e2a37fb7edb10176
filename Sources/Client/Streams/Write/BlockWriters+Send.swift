import Reactor
import Transport
import Wire

// Step 3 of a write: frames go to the head in order, one send at a time.
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
        at(write).pointee.send(frame, core.buffers[frame.buffer].header)
        watch(write, &core)
        core.sendData(index, buffer: frame.buffer, flags: isNextReady ? .more : [])
    }

    /// A frame whose buffer an older stream is still sending waits: its header is not changed under
    /// the kernel.
    @inline(__always)
    private func canSend(_ frame: WriteWindow.Frame, _ core: inout StreamCore<Ring>) -> Bool {
        frame.isReady && core.buffers.holders(frame.buffer) == 1
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
}
