import Wire

/// What other threads of a datanode tell its reactor.
public enum Mail: Sendable {
    /// Signing keys from the namenode's last answer; replaces the set.
    case keys(KeyRing)
    /// Which start of the namenode answers, once it has heard what the datanodes hold, and knows of
    /// nothing newer than itself.
    case settled(NamespaceIncarnation)
    /// The namenode's word that a block is to go, with what it is.
    case delete(Deletion)
    /// Somebody asks for a scrub: of this block, or of every block.
    case scrub(BlockID?)
    /// Where the scrubs of every reactor stood when the node stopped.
    case scrubFrom([ScrubCursor])
    /// Contact with the namenode was lost for too long, or is back.
    case fenced(Bool)
    /// Files of a device (by place) that new blocks may have.
    case spares(device: Int, [RecycledFiles.File])
    /// Name every block again, for a new registration; the number is the report's.
    case reportAll(UInt64)
    /// The device with this index is out of service, as the agent or another reactor found.
    case deviceFailed(Int, reason: String)
    /// What room the devices have for new blocks, in their order, as the file systems say.
    case room([DeviceRoom])
    /// Stop as soon as nothing is in the kernel's hands.
    case stop
}

/// Where a reactor says what became of a block. Implemented by the agent's bounded outbox; called
/// on the reactors' threads, once per block event and never per frame.
public protocol BlockObserver: AnyObject {
    func blockChanged(_ block: BlockID, _ record: BlockRecord)
    /// Every block of this reactor was named since the `reportAll` with this number.
    func reportCompleted(_ report: UInt64)
    func count(_ counters: DatanodeCounters)
    /// A device is out of service from now on.
    func deviceFailed(_ device: Int, _ reason: String)
    /// Bytes in spare files of each device, about once a second.
    func spares(_ bytes: [UInt64], by share: ReactorShare)
    /// How far the scrub of each device has come, about once a second.
    func scrubbed(_ progress: [ScrubProgress], by share: ReactorShare)
    /// Why a block counts as corrupt from now on; `blockChanged` was called before.
    func found(_ block: BlockID, _ record: BlockRecord, _ reason: String)
}

extension BlockObserver {
    /// For observers of which nobody asks for devices.
    public func deviceFailed(_ device: Int, _ reason: String) {}
    public func spares(_ bytes: [UInt64], by share: ReactorShare) {}
    /// For who does not keep it.
    public func scrubbed(_ progress: [ScrubProgress], by share: ReactorShare) {}
    public func found(_ block: BlockID, _ record: BlockRecord, _ reason: String) {}
}
