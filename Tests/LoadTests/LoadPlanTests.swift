import Foundation
import Load
import Testing
import ToolSupport

@Suite struct LoadPlanTests {
    private func plan(
        _ mode: LoadPlan.Mode = .put, _ change: (inout LoadPlan) -> Void = { _ in }
    ) -> LoadPlan {
        var plan = LoadPlan(mode)
        plan.namenode = "127.0.0.1:7700"
        change(&plan)
        return plan
    }

    private func isRefused(_ plan: LoadPlan) -> Bool {
        do throws(ToolFailure) {
            try plan.check()
            return false
        } catch {
            return true
        }
    }

    @Test("every bound is held")
    func bounds() {
        #expect(!isRefused(plan()))
        #expect(!isRefused(plan { $0.streams = 10_000 }))
        let wrong: [(inout LoadPlan) -> Void] = [
            { $0.packet = 0 }, { $0.packet = 2 << 20 }, { $0.streams = 0 },
            { $0.streams = 20_000 }, { $0.depth = 0 }, { $0.depth = 5_000 }, { $0.threads = 0 },
            { $0.threads = 2 }, { $0.replicas = 6 }, { $0.replicas = -1 }, { $0.count = 0 },
            { $0.rate = 0 }, { $0.rate = 1e9 }, { $0.milliseconds = 0 }, { $0.size = 0 },
            { $0.block = 4096 }, { $0.getPercent = 101 }, { $0.namenode = nil },
            { $0.warmupMilliseconds = -1 }, { $0.hosts = 1_000 },
            {
                $0.size = 4096
                $0.streams = 1_000
                $0.depth = 64
            },
            {
                $0.size = 1 << 40
                $0.block = 64 << 10
            },
            // Each thread goes around keys of its own: 16 lanes need 18 keys for three of them.
            {
                $0.streams = 16
                $0.threads = 3
                $0.count = 16
                $0.milliseconds = 1_000
            },
            {
                $0.hosts = 2
                $0.count = 1
                $0.milliseconds = 1_000
            },
            // A chain without a namenode takes each object once.
            {
                $0.chain = ["a:1"]
                $0.secretFile = "f"
                $0.size = 4096
                $0.count = 100
                $0.milliseconds = 1_000
            },
            { $0.chain = ["a:1"] },
            {
                $0.chain = ["a:1"]
                $0.secretFile = "f"
            },
        ]
        for (index, change) in wrong.enumerated() {
            #expect(isRefused(plan(.put, change)), "case \(index)")
        }
        #expect(!isRefused(plan(.ping) { $0.durability = .durable }))
        #expect(!isRefused(plan(.ping) { $0.durability = .written }))
        #expect(
            isRefused(
                plan(.meta) {
                    $0.chain = ["a:1"]
                    $0.secretFile = "f"
                }))
    }

    @Test("depth counts frames of large objects and objects of small ones")
    func lanes() {
        #expect(plan { $0.size = 1 << 30 }.lanes == 1)
        #expect(
            plan {
                $0.size = 4096
                $0.depth = 64
            }.lanes == 64)
        #expect(
            plan {
                $0.size = 4096
                $0.depth = 8
                $0.streams = 4
            }.lanes == 32)
        #expect(
            plan {
                $0.size = 1 << 30
                $0.streams = 7
                $0.threads = 2
            }.lanesPerThread == 4)
    }

    @Test("a plan travels as JSON")
    func travels() throws {
        let plan = plan(.mixed) {
            $0.rate = 12.5
            $0.chain = ["a:1", "b:2"]
            $0.host = 3
        }
        let data = try JSONEncoder().encode(plan)
        #expect(try JSONDecoder().decode(LoadPlan.self, from: data) == plan)
    }

    @Test("what a plan comes down to")
    func phases() {
        #expect(Phase.of(plan()) == [Phase(task: .put, keys: 16)])
        #expect(Phase.of(plan(.ping)) == [Phase(task: .ping, keys: 5_000)])
        let meta = Phase.of(
            plan(.meta) {
                $0.milliseconds = 3_000
                $0.warmupMilliseconds = 500
            })
        #expect(meta.map(\.task) == [.putSmall, .create, .create, .open, .open])
        #expect(meta.map(\.isMeasured) == [false, false, true, false, true])
        #expect(meta[1].milliseconds == 500 && meta[2].milliseconds == 3_000)
        let warm = Phase.of(
            plan {
                $0.chain = ["a:1"]
                $0.count = 8
                $0.warmupMilliseconds = 500
            })
        #expect(warm[0] == Phase(task: .put, milliseconds: 500, isMeasured: false))
        #expect(warm[1] == Phase(task: .put, keys: 8))
        let cleaned = Phase.of(plan { $0.cleanup = true })
        #expect(cleaned.map(\.task) == [.put, .remove])
    }

    @Test("blocks without a namenode are found again, and are not each other's")
    func names() {
        let names = ObjectNames(seed: 4)
        var seen: Set<UInt64> = []
        for object in UInt64(0)..<50 {
            for place in UInt64(0)..<10 {
                let block = names.block(object, place: place)
                #expect(block == ObjectNames(seed: 4).block(object, place: place))
                #expect(seen.insert(block.number).inserted)
            }
        }
        #expect(ObjectNames(seed: 5).block(0, place: 0) != names.block(0, place: 0))
    }
}
