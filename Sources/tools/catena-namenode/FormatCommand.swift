import ArgumentParser
import Control
import Foundation
import ToolSupport
import Wire

struct FormatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "format",
        abstract: "Make an empty namespace with a new cluster id.",
        discussion: """
            Writes namespace.json, which names the cluster, and cluster.secret, which only its \
            owner may read. A directory that holds a namespace is refused (exit status 73): \
            nothing is ever overwritten.
            """)

    @Option(help: "The directory to make or fill.")
    var dir: String

    @Option(help: "Use this UUID as the cluster id instead of a new one.")
    var clusterID: String?

    func run() throws {
        let cluster: ClusterID
        if let clusterID {
            guard let given = ClusterID(clusterID), given != .none else {
                throw ValidationError("--cluster-id must be a UUID, not \"\(clusterID)\"")
            }
            cluster = given
        } else {
            cluster = .random()
        }
        var generator = SystemRandomNumberGenerator()
        let secret = (0..<NamespaceDirectory.secretBytes).map { _ in
            UInt8.random(in: .min ... .max, using: &generator)
        }
        try presenting("catena-namenode", prints: true) {
            let made = try NamespaceDirectory.format(
                dir, cluster: cluster, secret: secret, made: Date())
            try StandardStream.output.writeResult(
                "formatted \(made.path): cluster \(made.cluster)\n")
        }
    }
}
