import Reactor
import Wire

// How a connection ends: at once, or when its peer had the chance to read why. Either way its place
// is taken until the kernel has let go of everything, and `closed` says when.
extension Transport where Ring: ~Copyable {
    /// Ends a connection without a word.
    public mutating func close(_ index: ConnectionIndex) {
        let link = links.at(index)
        guard link.pointee.isLive else { return }
        unpark(index)
        link.pointee.life = .closing
        reactor.cancel(link.pointee.receiveToken)
        reactor.cancel(link.pointee.sendToken)
        restReceiving(index)
        restSending(index)
        disconnectIfHeld(index)
        closeIfSettled(index)
    }

    /// A peer that reads no more would keep a zero-copy send's memory for as long as it likes: its
    /// notification comes when the bytes are acknowledged, or given up.
    private mutating func disconnectIfHeld(_ index: ConnectionIndex) {
        let link = links.at(index)
        guard link.pointee.unnotified > 0, !link.pointee.descriptor.isNone else {
            return
        }
        start(.disconnect, index, .disconnect(link.pointee.descriptor))
    }

    /// Lets go of a socket that is somebody else's from now on, and stays open.
    public mutating func handOver(_ index: ConnectionIndex) {
        let link = links.at(index)
        precondition(
            link.pointee.canReceive && !link.pointee.isSending,
            "between two streams nothing of a connection is under way")
        link.pointee.descriptor = .none
        close(index)
    }

    /// The socket, for who takes it over.
    @inline(__always)
    public func descriptor(of index: ConnectionIndex) -> Descriptor {
        links.at(index).pointee.descriptor
    }

    /// The end is news of its own also where there is no socket to close.
    @usableFromInline
    mutating func closeIfSettled(_ index: ConnectionIndex) {
        let link = links.at(index)
        guard link.pointee.life == .closing, link.pointee.pending == 0 else { return }
        let descriptor = link.pointee.descriptor
        link.pointee.life = .ending
        link.pointee.isSending = false
        start(.close, index, descriptor.isNone ? .nop : .close(descriptor))
    }

    /// Gives the place of a connection free that is `closed`.
    public mutating func remove(_ index: ConnectionIndex) {
        precondition(
            links.at(index).pointee.life == .ending
                && links.at(index).pointee.pending == 0, "a connection ends before")
        links.remove(index)
    }

    // MARK: After the last frame

    /// Takes nothing up any more. The buffer of a receive that the kernel still has comes back with
    /// its completion.
    public mutating func stopReceiving(_ index: ConnectionIndex) {
        let link = links.at(index)
        link.pointee.receiving = .dropping
        link.pointee.hasNextHeader = false
        restReceiving(index)
        reactor.cancel(link.pointee.receiveToken)
    }

    /// After an error frame, with receiving stopped: no more is sent, and what the peer still sends
    /// is dropped until it has read the error and closes; then comes `lingered`. Closing at once
    /// would reset the connection and could take the frame with it.
    public mutating func linger(_ index: ConnectionIndex) {
        let link = links.at(index)
        precondition(link.pointee.receiving == .dropping, "nothing is taken up any more")
        link.pointee.isLingering = true
        start(.shutdown, index, .shutdown(link.pointee.descriptor, sendingOnly: true))
    }

    @usableFromInline
    mutating func shutDown(_ index: ConnectionIndex) -> ConnectionNews {
        if settle(index) { discard(index) }
        return .none
    }

    @usableFromInline
    mutating func discard(_ index: ConnectionIndex) {
        let link = links.at(index)
        guard link.pointee.life == .open, link.pointee.isLingering,
            link.pointee.receiveToken == .nobody
        else { return }
        link.pointee.receiveToken = start(
            .discard, index,
            .receive(
                link.pointee.descriptor, bodyMemory(of: index),
                count: link.pointee.memory.receivedBytes, waitAll: false))
    }

    @usableFromInline
    mutating func discarded(_ index: ConnectionIndex, _ outcome: Outcome) -> ConnectionNews {
        links.at(index).pointee.receiveToken = .nobody
        guard settle(index) else { return .none }
        switch outcome {
        case .done(let count) where count > 0: discard(index)
        case .again: discard(index)
        case .done, .cancelled, .disconnected, .full, .failed: return .lingered
        }
        return .none
    }
}
