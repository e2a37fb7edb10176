/// The namespace's word that a block is to go, with what the block is: so that a namespace which
/// gave a number twice, because it was an older copy of itself, does not delete the other block.
public struct Deletion: Hashable, Sendable {
    /// What a sealed block holds.
    public struct Content: Hashable, Sendable {
        public let length: UInt64
        public let checksum: UInt32

        public init(length: UInt64, checksum: UInt32) {
            self.length = length
            self.checksum = checksum
        }
    }

    public let block: BlockID
    public let epoch: Epoch
    public let incarnation: NamespaceIncarnation
    /// `nil`: the block was never a key's, and its writer alone knows what it came to.
    public let content: Content?

    public init(
        block: BlockID, epoch: Epoch, incarnation: NamespaceIncarnation = .unknown,
        content: Content? = nil
    ) {
        self.block = block
        self.epoch = epoch
        self.incarnation = incarnation
        self.content = content
    }

    /// Whether a copy with this number is one of the block. A number is given once in a history, so
    /// the incarnation decides. Where it was not kept, epoch and content do.
    /// - Parameters:
    ///   - epoch: the copy's; 0 when its file says nothing, and its name is all there is. Then
    ///     `incarnation` is the one that its node had heard of last when it found the file, and the
    ///     namespace names it when that is one of its own.
    ///   - content: `nil` when the copy is not sealed, or cannot be trusted to know.
    public func covers(
        epoch: Epoch, incarnation: NamespaceIncarnation, content: Content?
    ) -> Bool {
        guard epoch <= self.epoch, incarnation == self.incarnation else { return false }
        guard incarnation == .unknown, let content, let known = self.content else { return true }
        return content == known
    }
}
