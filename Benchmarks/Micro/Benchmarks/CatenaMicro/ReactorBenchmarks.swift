import Benchmark
import Reactor

func addReactorBenchmarks() {
    for count in [1, 32] {
        Benchmark("reactor-turn-\(count)") { benchmark in
            // Made here and not before: a ring belongs to the thread that makes it.
            var reactor = try smallReactor()
            turn(&reactor, nops: count)
            benchmark.startMeasurement()
            for _ in benchmark.scaledIterations { turn(&reactor, nops: count) }
            benchmark.stopMeasurement()
        }
    }
    Benchmark("mailbox-post-drain") { benchmark in
        let mailbox = Mailbox<Int>(capacity: 64, waker: RingWaker())
        benchmark.startMeasurement()
        for index in benchmark.scaledIterations {
            precondition(mailbox.post(index) == .taken)
            blackHole(mailbox.drain())
        }
    }
    Benchmark("mailbox-is-empty") { benchmark in
        let mailbox = Mailbox<Int>(capacity: 64, waker: RingWaker())
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { blackHole(mailbox.isEmpty) }
    }
    addTimerBenchmarks()
    Benchmark("buffer-take-hold-release") { benchmark in
        let region = try BufferRegion(byteCount: 1 << 20)
        guard let memory = region.bytes.baseAddress else { return }
        var pool = BufferPool(memory: memory, stride: 4_096, count: 256)
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            guard let buffer = pool.take() else { preconditionFailure("every buffer came back") }
            pool.hold(buffer)
            blackHole(pool.release(buffer))
            blackHole(pool.release(buffer))
        }
        benchmark.stopMeasurement()
        blackHole(region.bytes)
    }
    Benchmark("operation-begin-find-end") { benchmark in
        var slab = OperationSlab(capacity: 1_024)
        benchmark.startMeasurement()
        for index in benchmark.scaledIterations {
            let token = slab.begin(OperationContext(kind: 1, owner: UInt32(index)), length: 0)
            blackHole(slab.find(token))
            slab.end(token)
        }
    }
}

private func addTimerBenchmarks() {
    let second: UInt64 = 1_000_000_000
    Benchmark("timer-push-back") { benchmark in
        var wheel = TimerWheel(capacity: 1_024, now: 0)
        benchmark.startMeasurement()
        for index in benchmark.scaledIterations { wheel.arm(7, at: second &+ UInt64(index)) }
    }
    Benchmark("timer-arm-clear") { benchmark in
        var wheel = TimerWheel(capacity: 1_024, now: 0)
        benchmark.startMeasurement()
        for index in benchmark.scaledIterations {
            wheel.arm(UInt32(index & 1_023), at: second &* UInt64(1 + index & 7))
            wheel.clear(UInt32(index & 1_023))
        }
    }
}

private func smallReactor() throws -> Reactor<KernelRing> {
    var settings = KernelRing.Settings()
    settings.submissions = 64
    settings.completions = 256
    settings.files = 8
    return Reactor(ring: try KernelRing(settings), operations: 64, timers: 8)
}

/// Queues NOPs and takes turns until all have come back.
private func turn(_ reactor: inout Reactor<KernelRing>, nops: Int) {
    for _ in 0..<nops { reactor.start(.nop, OperationContext(kind: 1, owner: 0)) }
    var left = nops
    while left > 0 {
        reactor.turn(waitUntil: .max)
        while let event = reactor.next() {
            blackHole(event)
            left -= 1
        }
    }
}
