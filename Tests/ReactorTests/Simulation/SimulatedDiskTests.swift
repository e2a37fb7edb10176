import Glibc
import Reactor
import Testing

@Suite struct SimulatedDiskTests {
    /// A world of one ring that waits by itself, and a machine on it.
    private static func withMachine<Result>(
        seed: UInt64 = 1, _ body: (SimulatedWorld, inout Machine<SimulatedRing>) throws -> Result
    ) throws -> Result {
        let world = SimulatedWorld(seed: seed, selfDriven: true)
        var ring = world.makeRing(node: "one")
        let directory = ring.openDirectory("data")
        var machine = try Machine(ring: ring, directory: directory)
        return try body(world, &machine)
    }

    @Test func aFullDiskSaysSoAndGivesItsRoomBack() throws {
        try Self.withMachine { world, machine in
            let disk = world.disk(of: "one")
            disk.capacity = 10 * 4096
            let file = try machine.opened("a", O_CREAT | O_RDWR)
            let memory = machine.memory()
            func write(_ page: UInt64, _ pages: Int) -> Request {
                .write(file, memory, count: pages * 4096, offset: page * 4096, registered: true)
            }
            #expect(try machine.run(write(0, 8)) == 8 * 4096)
            #expect(try machine.run(write(8, 4)) == 2 * 4096)
            #expect(try machine.run(write(10, 1)) == -ENOSPC)
            #expect(try machine.run(write(0, 8)) == 8 * 4096)
            #expect(
                try machine.run(.allocate(file, mode: 0, offset: 0, count: 65536)) == -ENOSPC)
            #expect(disk.used == 10 * 4096)
            #expect(try machine.unlink("a") == 0)
            #expect(disk.used == 10 * 4096)
            try machine.close(file)
            #expect(disk.used == 0)
        }
    }

    @Test func filesSurviveTheRing() throws {
        let world = SimulatedWorld(seed: 1, selfDriven: true)
        for round in 0..<2 {
            var ring = world.makeRing(node: "one")
            let directory = ring.openDirectory("data")
            #expect(ring.fileNames(in: directory) == (round == 0 ? [] : ["kept"]))
            var machine = try Machine(ring: ring, directory: directory)
            let flags = round == 0 ? O_CREAT | O_EXCL | O_RDWR : O_RDWR
            let file = try machine.opened("kept", flags)
            let memory = machine.memory()
            #expect(
                try machine.run(.write(file, memory, count: 10, offset: 0, registered: false))
                    == 10)
        }
        #expect(world.disk(of: "one").bytes(of: "kept")?.count == 10)
    }

    /// Synced bytes under a synced name survive every power cut; without a sync they do not always.
    @Test func aPowerCutTakesOnlyWhatWasNotSynced() throws {
        var lostBytes = 0
        var lostNames = 0
        for seed in UInt64(1)...60 {
            try Self.withMachine(seed: seed) { world, machine in
                let disk = world.disk(of: "one")
                let memory = machine.memory()
                memset(memory, 1, 16384)
                for name in ["synced", "unsynced"] {
                    let file = try machine.opened(name, O_CREAT | O_RDWR)
                    let all = Request.write(file, memory, count: 16384, offset: 0, registered: true)
                    #expect(try machine.run(all) == 16384)
                    #expect(try machine.run(.sync(file, dataOnly: true)) == 0)
                    if name == "synced" {
                        #expect(!disk.isDurable(name))
                        let sync = Request.sync(machine.directory, dataOnly: false)
                        #expect(try machine.run(sync) == 0)
                        #expect(disk.isDurable(name))
                    }
                    memset(memory, 2, 16384)
                    #expect(try machine.run(all) == 16384)
                    memset(memory, 1, 16384)
                }
                world.crash("one")
                let bytes = try #require(disk.bytes(of: "synced"), "seed \(seed)")
                #expect(bytes.count == 16384 && bytes.allSatisfy { $0 == 1 || $0 == 2 })
                lostBytes += bytes.contains(1) ? 1 : 0
                lostNames += disk.bytes(of: "unsynced") == nil ? 1 : 0
            }
        }
        #expect(lostBytes > 10 && lostNames > 10 && lostNames < 50)
    }

    @Test func aFailedSyncIsFinal() throws {
        var lost = 0
        for seed in UInt64(1)...40 {
            try Self.withMachine(seed: seed) { world, machine in
                let disk = world.disk(of: "one")
                disk.put([UInt8](repeating: 1, count: 4096), at: "file")
                let file = try machine.opened("file", O_RDWR)
                memset(machine.memory(), 2, 4096)
                let write = Request.write(
                    file, machine.memory(), count: 4096, offset: 0, registered: true)
                let sync = Request.sync(file, dataOnly: true)
                #expect(try machine.run(write) == 4096)
                world.faults.sync = .init(rate: 1, errnos: [EIO])
                #expect(try machine.run(sync) == -EIO)
                world.faults.sync.rate = 0
                // A second sync answers well, and what the first one covered may be gone all the
                // same.
                #expect(try machine.run(sync) == 0)
                #expect(!disk.isDurable("file"))
                world.crash("one")
                lost += disk.bytes(of: "file")?.contains(1) == true ? 1 : 0
            }
        }
        #expect(lost > 5)
    }

    @Test func injectedErrorsAndShortCountsComeAtTheirRate() throws {
        try Self.withMachine { world, machine in
            let file = try machine.opened("a", O_CREAT | O_RDWR)
            let write = Request.write(
                file, machine.memory(), count: 4096, offset: 0, registered: true)
            world.faults.write = .init(rate: 0.5, errnos: [EIO])
            var failed = 0
            for _ in 0..<200 { failed += try machine.run(write) == -EIO ? 1 : 0 }
            #expect((50...150).contains(failed))
            world.faults = SimulationFaults()
            world.faults.shortWriteRate = 1
            #expect((1..<4096).contains(try machine.run(write)))
            world.faults = SimulationFaults()
            world.disk(of: "one").isReadOnly = true
            #expect(try machine.open("b", O_CREAT | O_RDWR) == -EROFS)
        }
    }

    @Test func checkersSeeAndBreakBytes() throws {
        let world = SimulatedWorld(seed: 1)
        let disk = world.disk(of: "one")
        disk.put([1, 2, 3], at: "x")
        #expect(disk.files == ["x"])
        disk.flipBit(of: "x", at: 1)
        #expect(disk.bytes(of: "x") == [1, 3, 3])
        #expect(disk.bytes(of: "y") == nil)
    }
}
