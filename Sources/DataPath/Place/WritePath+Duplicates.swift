import Reactor
import Wire

// A frame below the HWM is acked again when it brings the bytes that are there, and fails the
// stream when not.
extension WritePath where Ring: ~Copyable {
    /// Compares a frame below the HWM with what is known of the block's bytes.
    mutating func compare(
        _ buffer: BufferIndex, in stream: StreamIndex, _ core: inout Core<Ring>
    ) -> StreamNext {
        let entry = at(stream)
        let header = core.buffers[buffer].header
        core.counters.duplicates &+= 1
        let comparison = entry.pointee.table.compare(
            offset: header.offset, length: header.payloadLength, pieces: header.pieces,
            hwm: entry.pointee.hwm)
        switch comparison {
        case .same: confirm(buffer, in: stream, &core)
        case .different:
            core.giveBack(buffer, of: &entry.pointee)
            return .refused(.conflict)
        // Only parts of chunks: the bytes themselves are read back, once they are on the device.
        case .unknown:
            entry.pointee.duplicate.begin(buffer)
            if let writer = entry.pointee.upstream {
                core.transport.at(writer).role.waiting = .answer
            }
        }
        return .proceed
    }

    /// The successor may lack what this node has: a duplicate travels on.
    private mutating func confirm(
        _ buffer: BufferIndex, in stream: StreamIndex, _ core: inout Core<Ring>
    ) {
        let entry = at(stream)
        entry.pointee.join.owe()
        if successors.has(stream) {
            successors.append(buffer, to: stream)
        } else {
            core.giveBack(buffer, of: &entry.pointee)
        }
    }

    /// Begins to compare a duplicate with what the device has, when its bytes are there.
    mutating func compareOnDevice(_ stream: StreamIndex, _ core: inout Core<Ring>) -> StreamNext {
        guard let entry = live(stream) else { return .nothing }
        let compared = files.compare(stream, &entry.pointee, &core)
        return follow(compared, stream, &core)
    }

    /// What follows from what became of the comparison.
    mutating func follow(
        _ compared: BlockFiles<Ring>.Compared?, _ stream: StreamIndex, _ core: inout Core<Ring>
    ) -> StreamNext {
        switch compared {
        case nil: return .nothing
        case .stale(let isLive): return isLive ? .proceed : .ending
        case .done(let status):
            let entry = at(stream)
            guard let buffer = entry.pointee.duplicate.take() else {
                preconditionFailure("what was compared is there")
            }
            guard status != .ok else {
                confirm(buffer, in: stream, &core)
                return .resume
            }
            core.giveBack(buffer, of: &entry.pointee)
            return status == .corrupt ? .corrupt(.tooShort) : .refused(status)
        }
    }
}
