import Reactor

/// The write path's one list. An event of a stream (a frame, a completion, an ack from behind)
/// changes the stream's state and calls `proceed`; whatever may go on now does, and nothing else
/// decides what comes next for the stream. What follows one operation on its file without a look at
/// the stream is `BlockFile`'s: a flush's sync follows its header so.
extension Datanode where Ring: ~Copyable {
    /// Goes through every step; one that has nothing to do costs a comparison or two. The first may
    /// fail the stream's connection, and with it end the stream.
    mutating func proceed(_ stream: StreamIndex) {
        // 1. The chain behind is to be asked for what is received whole.
        if let status = writes.askChain(stream) { failWriter(of: stream, status) }
        guard let entry = writes.live(stream) else { return }
        // 2. The successor gets the next frame first: it has a device of its own to wait for.
        writes.successors.sendNext(stream, &entry.pointee, &core)
        // 3. A flush begins, then the seal, when their bytes are on the device. Then the sync of a
        // durable seal.
        writes.beginFlushOrSeal(stream, &core)
        // 4. The file says what it holds: at its opening, for a flush, for the seal.
        writes.files.describe(stream, &entry.pointee, &core)
        // 5. The device takes the frames whose turn it is.
        writes.files.writeNext(stream, &entry.pointee, &core)
        // 6. A duplicate is compared with what the device has.
        follow(writes.compareOnDevice(stream, &core), stream)
        // 7. The writer hears what is true now.
        if let writer = writes.refreshProgress(of: stream) { answer(writer) }
    }
}
