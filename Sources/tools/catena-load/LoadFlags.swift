import ArgumentParser
import ControlClient
import Foundation
import Glibc
import Load
import System
import ToolSupport

/// The flags of every kind of load.
struct LoadFlags: ParsableArguments {
    @Option(help: .init("Bytes of an object, such as 4KiB or 1GiB.", valueName: "size"))
    var size: SizeArgument?
    @Option(help: .init("The longest block (default: the namenode's).", valueName: "size"))
    var block: SizeArgument?
    @Option(help: .init("Payload of one frame, at most 1MiB (default: 512KiB).", valueName: "size"))
    var packet: SizeArgument?
    @Option(help: "Objects at work at once; of meta, connections.")
    var streams: Int?
    @Option(help: "Frames in flight of each, or objects of one frame, or calls.")
    var depth: Int?
    @Option(help: "Copies of every block (default: the cluster's).")
    var replicas: Int?
    @Option(help: "What an object or frame waits for.")
    var durability: LoadPlan.Durability?
    @Option(help: .init("How long operations begin, such as 10s.", valueName: "time"))
    var duration: SpanArgument?
    @Option(help: "Operations; with --duration, how many objects they go around.")
    var count: UInt64?
    @Option(
        help: "Operations that begin each second, whatever became of the ones before (open loop).")
    var rate: Double?
    @Flag(inversion: .prefixedNo, help: "Compare what is read with what was put.")
    var verify: Bool?
    @Option(help: "Makes the objects' names and bytes.")
    var seed: UInt64 = 1
    @Option(help: .init("Run this long before it counts.", valueName: "time"))
    var warmup: SpanArgument?
    @Option(help: "Threads, each with its ring and its share of the streams.")
    var threads = 1
    @Option(help: "Of 100 operations of mixed, how many are gets.")
    var getPercent: Int?
    @Flag(help: "Delete the objects afterwards.")
    var cleanup = false
    @Option(help: "A word for the result.")
    var label = ""

    @Option(help: .init("The namenode's address (CATENA_NAMENODE).", valueName: "host:port"))
    var namenode: String?
    @Option(
        help: .init(
            "One chain of bench nodes, head first: no namenode.", valueName: "host:port,..."))
    var chain: String?
    @Option(help: .init("The secret of the chain's nodes.", valueName: "file"))
    var secretFile: String?
    @Option(
        help: .init("Where this client is, as /az/pod/rack/node (CATENA_LOCATION).", valueName: "l")
    )
    var location: String?
    @Option(
        help: .init("Run on these, where 'catena-load serve' runs.", valueName: "host:port,..."))
    var hosts: String?

    @Flag(help: "Print one JSON object, as the last line.")
    var json = false
    @Flag(help: "Print a header and a line of comma-separated values.")
    var csv = false
    @Option(
        help: .init(
            "Write the latency distribution in HdrHistogram's text form; of meta, of the creates.",
            valueName: "file"))
    var hdr: String?

    func validate() throws {
        if json && csv { throw ValidationError("--json and --csv are two forms of one result") }
    }

    func run(_ mode: LoadPlan.Mode) throws {
        try presenting("catena-load", json: json, prints: true) {
            try refuseIgnored(mode)
            let plan = try plan(mode)
            try plan.check()
            let flag = StopSignal()
            var report = try measure(plan, flag)
            report.isInterrupted = flag.wasSet
            try show(report)
            guard !flag.wasSet else { throw ExitCode(128 + SIGINT) }
            guard report.exit == .success else { throw report.exit.exitCode }
        }
    }

    private func measure(_ plan: LoadPlan, _ flag: StopSignal) throws(ToolFailure) -> LoadReport {
        try flag.watchInterruptions()
        let isShown = StandardStream.error.isTerminal
        if let hosts {
            let endpoints = try Self.endpoints(hosts)
            let set = HostSet(
                plan, endpoints, flag: flag,
                show: isShown ? { StandardStream.error.write($0) } : nil)
            return try report(plan, set, hosts: endpoints.map(\.description))
        }
        let crew = Crew(
            plan, flag: flag, show: isShown ? { StandardStream.error.write($0.text) } : nil)
        return try report(plan, crew, hosts: [])
    }

    /// What would change nothing was meant to change something.
    private func refuseIgnored(_ mode: LoadPlan.Mode) throws(ToolFailure) {
        let given: [(name: String, isGiven: Bool, ignoring: [LoadPlan.Mode])] = [
            ("size", size != nil, [.meta, .ping]),
            ("packet", packet != nil, [.meta]),
            ("replicas", replicas != nil, [.get]),
            ("durability", durability != nil, [.get]),
            ("verify", verify != nil, [.put, .meta, .ping]),
            ("get-percent", getPercent != nil, [.put, .get, .meta, .ping]),
        ]
        for flag in given where flag.isGiven && flag.ignoring.contains(mode) {
            throw ToolFailure(
                .usage, "\(mode.rawValue) has no use for --\(flag.name): leave it out")
        }
        guard chain == nil || replicas == nil else {
            throw ToolFailure(.usage, "--chain says how many replicas: leave --replicas out")
        }
    }

    private static func endpoints(_ text: String) throws(ToolFailure) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for part in text.split(separator: ",") {
            guard let endpoint = Endpoint(String(part)) else {
                throw ToolFailure(.usage, "--hosts has HOST:PORT,HOST:PORT..., not '\(part)'")
            }
            guard !endpoints.contains(endpoint) else {
                throw ToolFailure(.usage, "--hosts names \(endpoint) twice")
            }
            endpoints.append(endpoint)
        }
        guard (1...LoadPlan.mostHosts).contains(endpoints.count) else {
            throw ToolFailure(.usage, "--hosts names 1 to \(LoadPlan.mostHosts) hosts")
        }
        return endpoints
    }

    private func report(
        _ plan: LoadPlan, _ runner: consuming some PhaseRunner & ~Copyable, hosts: [String]
    ) throws(ToolFailure) -> LoadReport {
        return LoadReport(plan, try runner.run(plan), hosts: hosts)
    }

    private func show(_ report: LoadReport) throws {
        if json {
            try StandardStream.output.writeResult(report.json)
        } else if csv {
            try StandardStream.output.writeResult(LoadReport.csvHeader + report.csv)
        } else {
            try StandardStream.output.writeResult(report.text)
        }
        if let hdr, let result = report.results.first {
            do {
                try result.tally.latencies.distribution.write(
                    toFile: hdr, atomically: true, encoding: .utf8)
            } catch {
                throw ToolFailure(.io, "the latency distribution cannot be written to \(hdr)")
            }
        }
    }

    private func plan(_ mode: LoadPlan.Mode) throws(ToolFailure) -> LoadPlan {
        let settings = try Settings(
            file: nil, fallback: "/etc/catena/client.yaml",
            known: ["namenode", "timeout", "location"],
            flags: [
                "namenode": namenode.map { [$0] } ?? [], "location": location.map { [$0] } ?? [],
            ],
            environment: processEnvironment())
        if let warning = settings.warning {
            warn(warning, program: "catena-load", json: json)
        }
        var plan = LoadPlan(mode)
        plan.chain = chain?.split(separator: ",").map(String.init) ?? []
        plan.secretFile = secretFile
        if plan.chain.isEmpty { plan.namenode = try settings.endpoint("namenode")?.description }
        plan.location = try settings.string("location") ?? ""
        plan.size = size?.bytes
        plan.block = block?.bytes
        plan.packet = packet.map { Int(clamping: $0.bytes) } ?? (mode == .ping ? 4096 : 512 << 10)
        plan.streams = streams ?? (mode == .meta ? 64 : 1)
        plan.depth = depth ?? (mode == .meta || mode == .ping ? 1 : 16)
        plan.replicas = replicas ?? 0
        plan.durability = durability ?? (mode == .ping ? .written : .durable)
        plan.milliseconds = duration?.milliseconds
        plan.count = count
        plan.rate = rate
        plan.verify = verify ?? true
        plan.seed = seed
        plan.warmupMilliseconds = warmup?.milliseconds ?? 0
        plan.threads = threads
        plan.getPercent = getPercent ?? 50
        plan.cleanup = cleanup
        plan.label = label
        return plan
    }
}

extension LoadPlan.Durability: ExpressibleByArgument {}

extension StopSignal {
    /// An interrupted load ends what is under way and shows what it has measured. Interrupted
    /// again, it ends at once.
    func watchInterruptions() throws(ToolFailure) {
        try SignalWatch.begin([SIGINT, SIGTERM]) { [self] number in
            if set() { _exit(128 + number) }
        }
    }
}
