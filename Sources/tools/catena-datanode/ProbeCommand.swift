import ArgumentParser
import ControlClient
import DataPath
import Reactor
import ToolSupport

struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe",
        abstract:
            "Say whether this host can run a datanode, how fast it is, and which settings fit.",
        discussion: """
            Tries the kernel's io_uring with the buffers a datanode would lock, reads what the \
            kernel tells of NICs, memory, CPUs and limits, and measures the device below the \
            directory with a file that it removes again: sequential writes and reads for some \
            seconds each, and small synced writes. Measure an idle host. \
            Exit status 0: fit; 69, 74 or 78: not, and why.

              catena-datanode probe /data/nvme0
            """)

    @Argument(help: .init("A directory on the device.", valueName: "directory"))
    var directory: String?

    @Option(help: .init("The same, as a flag.", valueName: "directory"))
    var dir: String?

    @Option(help: "Seconds for each of the device's three throughputs, 0.1 to 60.")
    var seconds = 2.0

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard directory == nil || dir == nil else {
            throw ValidationError("give the directory once: as an argument or with --dir")
        }
        guard (0.1...60).contains(seconds) else {
            throw ValidationError("--seconds must be from 0.1 to 60")
        }
    }

    func run() throws {
        try presenting("catena-datanode", json: json, prints: true) {
            let locked = try HostProbe.ring(DatanodeSettings())
            let facts = try HostSurvey.facts(directory: directory ?? dir, seconds: seconds)
            let report = ProbeReport(
                facts: facts, advice: HostAdvice(facts), registeredBytes: locked)
            try StandardStream.output.writeResult(json ? report.json : report.text)
            guard report.advice.problems.isEmpty else {
                throw StartFailure(
                    .system,
                    "this host is not fit: " + report.advice.problems.joined(separator: "; "))
            }
        }
    }
}
