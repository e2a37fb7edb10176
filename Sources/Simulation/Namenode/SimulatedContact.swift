/// The last that the namenode took from a datanode.
struct SimulatedContact: Equatable {
    let session: UInt64
    /// Of its HEARTBEATs.
    let sequence: UInt64
}
