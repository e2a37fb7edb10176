/// What came of one run.
package struct SimulationResult: Sendable {
    package let seed: UInt64
    /// Equal for equal runs, in any process.
    package let hash: UInt64
    package let breach: Breach?
    package let cycles: Int
    /// Nanoseconds.
    package let virtualTime: UInt64
    package let jobs: Int
    /// Changes that clients were told are done.
    package let acks: Int
    package let checks: UInt64
    package let crashes: Int
    /// Connections that moved between the reactors of a node, in its last process.
    package let moves: Int
    package let found: StartFindings
}
