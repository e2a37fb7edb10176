import Reactor
import Transport
import Wire

/// A read, by its place in the engine's slab of them.
package typealias ReadIndex = RecordIndex<BlockReader>

/// One range of a block on its way from a replica, as a state. Whoever has the connections and the
/// buffers acts on it (`BlockReaders`).
package struct BlockReader: ~Copyable {
    /// A replica that is asked for the range.
    struct Replica: BitwiseCopyable {
        let connection: ConnectionIndex
        /// What it has to show before anything it says is believed; `nil`: it was not asked yet.
        var proof: ProofCheck?

        init(_ connection: ConnectionIndex) { self.connection = connection }
    }

    private(set) var assembly: ReadAssembly
    let sink: PayloadFile?
    private(set) var asked: Replica?
    private var opening: StreamOpening
    /// The one that was asked as well because the first one is slow.
    private(set) var rival: Replica?
    private var rivalOpening: StreamOpening?
    /// Data came since the replica was asked.
    private var isAnswered = false

    /// Buffers with verified bytes that wait for the sink or the owner, in order.
    private(set) var arrived: FixedRing<BufferIndex>
    /// Those, and the ones that are being drained.
    private(set) var held = 0
    private var draining = 0
    private(set) var isStopped = false
    var isEnding = false

    // What the owner has yet to be told.
    var hasProgress = false
    var failure: StreamFailure?
    var lost: (isRival: Bool, failure: StreamFailure?)?

    init(_ request: ReadRequest, buffers: Int) {
        assembly = request.assembly
        opening = request.opening
        sink = request.sink
        arrived = FixedRing(capacity: buffers)
    }

    /// Bytes of the range that are verified so far.
    var verifiedBytes: UInt64 {
        @inline(__always) get { assembly.verified - assembly.range.lowerBound }
    }

    // MARK: Replicas

    /// Another replica is to be asked, for what is not verified.
    mutating func redirect(_ opening: StreamOpening) {
        self.opening = opening
        assembly.restart()
    }

    mutating func ask(over connection: ConnectionIndex) {
        asked = Replica(connection)
        isAnswered = false
        isStopped = false
    }

    mutating func askRival(over connection: ConnectionIndex, _ opening: StreamOpening) {
        rival = Replica(connection)
        rivalOpening = opening
    }

    @inline(__always)
    func isAsked(over index: ConnectionIndex) -> Bool {
        asked?.connection == index || rival?.connection == index
    }

    /// Nothing has come of the replica that was asked, and no other one is.
    var canHedge: Bool {
        @inline(__always) get {
            asked != nil && rival == nil && !isAnswered && lost == nil
        }
    }

    /// The request for a replica, and what is sent with it.
    mutating func request(
        over index: ConnectionIndex, using random: inout some RandomNumberGenerator
    ) -> (header: FrameHeader, credentials: [UInt8]) {
        var header = FrameHeader(.read)
        header.block = assembly.block
        header.epoch = assembly.epoch
        header.offset = assembly.request.lowerBound
        header.length = UInt64(assembly.request.count)
        if rival?.connection == index, let rivalOpening {
            rival?.proof = rivalOpening.complete(&header, using: &random)
            return (header, rivalOpening.payload)
        }
        asked?.proof = opening.complete(&header, using: &random)
        return (header, opening.payload)
    }

    /// The first answer of a stream shows whether it comes from the node it was asked of.
    mutating func checkProof(_ answer: FrameHeader, on index: ConnectionIndex) {
        if rival?.connection == index {
            _ = rival?.proof?.believes(answer)
        } else {
            _ = asked?.proof?.believes(answer)
        }
    }

    mutating func isProven(on index: ConnectionIndex) -> Bool {
        let proof = rival?.connection == index ? rival?.proof : asked?.proof
        return proof?.isGiven ?? false
    }

    /// Data comes over this connection: the read is its own from now on.
    /// - Returns: the connection to the slower one of two.
    mutating func answered(on index: ConnectionIndex) -> ConnectionIndex? {
        isAnswered = true
        guard let rival, let asked else { return nil }
        let slower = rival.connection == index ? asked.connection : rival.connection
        narrow(without: slower, nil)
        return slower
    }

    /// One of two connections is gone.
    mutating func narrow(without index: ConnectionIndex, _ failure: StreamFailure?) {
        let isRival = rival?.connection == index
        if !isRival {
            asked = rival
            if let rivalOpening { opening = rivalOpening }
        }
        rival = nil
        rivalOpening = nil
        lost = (isRival, failure)
    }

    /// The stream is over; its connection is let go.
    mutating func finishStream() -> ConnectionIndex? {
        defer { asked = nil }
        return asked?.connection
    }

    /// Lets go of one connection; `nil`: there is none.
    mutating func takeConnection() -> ConnectionIndex? {
        if let connection = rival?.connection {
            rival = nil
            return connection
        }
        return finishStream()
    }

    mutating func stop(_ failure: StreamFailure) {
        isStopped = true
        self.failure = failure
    }

    // MARK: 1, 2. Receive and verify

    /// Whether a data frame is the one that must come next.
    mutating func judge(_ header: FrameHeader) throws(StreamFailure) {
        do throws(ReadAssembly.Violation) {
            try assembly.judge(header)
        } catch {
            throw .protocolError("a frame against the rules (\(error))")
        }
    }

    /// Verifies a payload. What of it was asked for and is new waits in its buffer.
    mutating func take(
        _ buffer: BufferIndex, _ header: FrameHeader, _ payload: UnsafeRawPointer
    ) throws(StreamFailure) -> ReadAssembly.Slice {
        do throws(ReadAssembly.Violation) {
            let slice = try assembly.take(header, payload)
            hasProgress = true
            guard slice.count > 0 else { return slice }
            held += 1
            arrived.append(buffer)
            return slice
        } catch {
            throw notTaken(header, error)
        }
    }

    /// Why a frame's bytes go to nobody. When it is for the block as a whole, all of it is read
    /// again: a sink that can be written anywhere takes the new bytes over the old ones.
    private mutating func notTaken(
        _ header: FrameHeader, _ violation: ReadAssembly.Violation
    ) -> StreamFailure {
        switch violation {
        case .otherBlock, .mixedBlock:
            assembly.startOver(again: sink?.position != nil)
            return violation == .mixedBlock ? .mixedBlock : .otherBlock
        case .passedOn: return .passedOn
        default: return .corrupt(header.offset)
        }
    }

    // MARK: 3. Drain

    /// The next buffer for the owner, who gives it back.
    mutating func nextForOwner() -> BufferIndex? { sink == nil ? arrived.popFirst() : nil }

    /// The next buffer that the sink takes: any number at their places in a file, one at a time in
    /// a pipe.
    mutating func nextForSink() -> BufferIndex? {
        guard let sink, sink.position != nil || draining == 0, let buffer = arrived.popFirst()
        else { return nil }
        draining += 1
        return buffer
    }

    /// A buffer's bytes are with the sink, or with nobody.
    mutating func drained() {
        if sink != nil { draining -= 1 }
        held -= 1
    }

    /// A buffer that nobody is to have any more.
    mutating func drop() -> BufferIndex? {
        guard let buffer = arrived.popFirst() else { return nil }
        held -= 1
        return buffer
    }

    // MARK: What holds

    mutating func checkInvariants() {
        precondition(draining >= 0 && held >= arrived.count + draining, "what is held is counted")
        precondition(sink == nil || held == arrived.count + draining, "the sink gives all back")
        precondition(rival == nil || asked != nil, "a rival has somebody to be one of")
        precondition(!isStopped || asked == nil, "who stopped has let go")
        precondition(!isEnding || asked == nil && arrived.isEmpty, "who ends has let go")
    }
}
