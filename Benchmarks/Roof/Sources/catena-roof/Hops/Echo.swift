import Glibc

/// One hop of the ping chain, one packet in flight: hands it on and writes it at once, and answers
/// when the file and everybody behind have it. Blocking calls, for nothing can overlap but the
/// hops.
struct Echo: ~Copyable {
    /// Packets go round this many places of the file.
    static let places = 4_096

    private let arena: Arena
    private let plan: Plan
    private let upstream: Socket
    private let downstream: Socket?
    private let file: Int32?

    init(_ plan: Plan, upstream: Socket, downstream: Socket?, file: Int32?) throws(RoofFailure) {
        arena = try Arena(packet: plan.packet, slots: 1)
        self.plan = plan
        self.upstream = upstream
        self.downstream = downstream
        self.file = file
    }

    func run() throws(RoofFailure) {
        for index in 0..<plan.count {
            try upstream.receiveAll(arena.slot(0), plan.packet)
            if let downstream { try downstream.sendAll(arena.slot(0), plan.packet) }
            if let file { try write(file, at: index % Self.places * plan.packet) }
            if let downstream { try downstream.awaitSignal() }
            try upstream.signal()
        }
    }

    private func write(_ file: Int32, at offset: Int) throws(RoofFailure) {
        let result = pwrite(file, arena.slot(0), plan.packet, offset)
        guard result >= 0 else { throw RoofFailure("writing", errno: errno) }
        guard result == plan.packet else { throw RoofFailure("the device wrote a part only") }
    }
}
