import Glibc

/// The processes of one measurement, and the client's connection to the first.
struct Chain: ~Copyable {
    let client: Socket
    private let processes: [pid_t]
    /// What all processes had used when they were ready: starting programs is not what is measured.
    private let startCPU: Double

    /// Starts a process for each hop, and returns when all are ready.
    init(_ plan: Plan, hops: Int) throws(RoofFailure) {
        var listeners: [(socket: Socket, port: UInt16)] = []
        for _ in 0..<hops { listeners.append(try Socket.listening()) }
        var processes: [pid_t] = []
        for index in 0..<hops {
            let next = index + 1 < hops ? listeners[index + 1].port : nil
            processes.append(
                try HopProcess.spawn(
                    plan, index: index, listener: listeners[index].socket, next: next))
        }
        // Only the hop itself has its listener from here on: one that ends is refused.
        for listener in listeners { listener.socket.close() }
        let client = try Socket.connected(to: listeners[0].port)
        try client.awaitSignal()
        var startCPU = Clock.cpuSeconds
        for process in processes { startCPU += try Clock.cpuSeconds(of: process) }
        self.startCPU = startCPU
        self.client = client
        self.processes = processes
    }

    /// Waits for every hop.
    /// - Returns: user and system seconds of all processes since they were ready.
    consuming func finish() throws(RoofFailure) -> Double {
        client.close()
        var failed = 0
        for process in processes {
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 {
                guard errno == EINTR else { throw RoofFailure("waiting for a hop", errno: errno) }
            }
            if status != 0 { failed += 1 }
        }
        guard failed == 0 else { throw RoofFailure("\(failed) of \(processes.count) hops failed") }
        return Clock.cpuSeconds - startCPU
    }
}
