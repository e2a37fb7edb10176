import ArgumentParser
import Glibc

/// One hop's process; what starts it is `HopProcess`.
struct HopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hop", shouldDisplay: false)

    @Option var mode: Mode
    @Option var index: Int
    @Option var packet: Int
    @Option var count: Int
    @Option var depth: Int
    @Option var medium: Medium
    @Option var dir: String
    @Option var loop: EchoLoop
    /// The next hop's port, 0 at the end of the chain.
    @Option var next: UInt16

    func run() throws {
        let plan = Plan(
            mode: mode, packet: packet, count: count, depth: depth, medium: medium, directory: dir,
            loop: loop)
        do throws(RoofFailure) {
            try HopProcess.run(plan, index: index, next: next == 0 ? nil : next)
        } catch {
            error.tell(as: "catena-roof: hop \(index)")
            throw ExitCode(EX_IOERR)
        }
    }
}
