import ArgumentParser
import Glibc
import Simulation
import ToolSupport

@main
struct CatenaSim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catena-sim",
        abstract: "Simulate a whole cluster from a seed, and watch its promises.",
        discussion: """
            Namenode, datanodes and clients, the real state machines, run in one thread on a \
            virtual clock, with simulated network and disks. Every seed is another cluster with \
            other faults; the same seed is the same run, bit for bit, and prints the same hash.

            EXAMPLES
              catena-sim --seed 17 --cycles 3
              catena-sim --seed 1 --seeds 300
              catena-sim --seed 17 --trace            what happened, event by event
              catena-sim --seed 1 --seeds 20 --plant reply-before-commit
              catena-sim --scenario storm

            EXIT CODES
              0 every promise held   1 one did not   64 wrong usage
            """)

    @Option(help: "The first seed.")
    var seed: UInt64?

    @Option(help: "How many seeds, one after another.")
    var seeds = 1

    @Option(help: "Cycles of load, faults and peace for each seed (default: 3).")
    var cycles: Int?

    @Option(help: "A named run: \(Scenario.all.map(\.name).joined(separator: ", ")).")
    var scenario: String?

    @Option(help: "Plant a bug: \(Plant.allCases.map(\.rawValue).joined(separator: ", ")).")
    var plant: String?

    @Flag(
        help: "Judge by what clients were told alone, without a look at disks and memory.")
    var blackBox = false

    @Flag(help: "Stop at the first seed that breaks a promise.")
    var stop = false

    @Flag(help: "Print each seed to standard error before it runs.")
    var verbose = false

    @Flag(help: "Print every event.")
    var trace = false

    @Option(help: "Threads, each with seeds of its own (default: one for each CPU).")
    var jobs: Int?

    @Flag(help: "List the named runs.")
    var list = false

    @Flag(help: "One JSON object for each seed that breaks a promise, and one at the end.")
    var json = false

    func validate() throws {
        guard seeds > 0, cycles ?? 1 > 0, jobs ?? 1 > 0 else {
            throw ValidationError("--seeds, --cycles and --jobs are at least 1")
        }
        if let scenario, Scenario.named(scenario) == nil {
            throw ValidationError("there is no scenario \(scenario)")
        }
        if let plant, Plant(rawValue: plant) == nil {
            throw ValidationError("there is no plant \(plant)")
        }
    }

    func run() throws {
        try presenting("catena-sim", json: json, prints: true) { try simulate() }
    }

    private func simulate() throws {
        if list {
            for scenario in Scenario.all {
                StandardStream.output.write("\(scenario.name)  \(scenario.about)\n")
            }
            return
        }
        let named = scenario.flatMap(Scenario.named)
        let first = seed ?? named?.seed ?? 1
        let campaign = Campaign(
            run: SimulationRun(
                seed: first, cycles: cycles ?? named?.cycles ?? 3, scenario: named,
                plant: plant.flatMap(Plant.init), isBlackBox: blackBox),
            seeds: seeds, jobs: trace ? 1 : min(jobs ?? processors, seeds),
            stopsAtBreach: stop || plant != nil, isVerbose: verbose, isTraced: trace,
            isJSON: json)
        try ProcessLimits.demand(threads: campaign.jobs)
        let breaches = campaign.go()
        if breaches > 0 { throw SystemExit.no.exitCode }
    }

    static func main() { Program.run(Self.self) }

    private var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }
}
