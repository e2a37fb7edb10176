import Wire

/// What the receipt of the chain behind must say before this node signs for it too.
///
/// The writer's receipt is the head's, and a head vouches for every node behind it. So each node
/// checks what its successor signed: else one that signs nothing, or too little, would be vouched
/// for by all before it.
struct ReceiptCheck: Equatable {
    let cluster: ClusterID
    let block: BlockID
    let epoch: Epoch
    let length: UInt64
    let checksum: UInt32
    /// At least this was asked for.
    let level: Level
    /// Of the successor in the chain.
    let position: Int

    /// - Returns: the level that the chain behind has reached.
    func judge(_ bytes: [UInt8], keys: KeyRing) throws(ReceiptDefect) -> Level {
        guard let (receipt, signature) = Receipt.decode(bytes) else { throw .unreadable }
        guard let key = keys[receipt.key] else { throw .unknownKey }
        guard receipt.isSigned(as: signature, by: key) else { throw .forged }
        guard receipt.cluster == cluster, receipt.block == block, receipt.epoch == epoch,
            receipt.length == length, receipt.checksum == checksum
        else { throw .otherBlock }
        guard Int(receipt.position) == position else {
            throw .otherPlace(Int(receipt.position), wanted: position)
        }
        guard receipt.level >= level else { throw .lowLevel(receipt.level) }
        return receipt.level
    }
}

/// What is wrong with a receipt, in a sentence that follows the node's address.
enum ReceiptDefect: Error, Equatable, CustomStringConvertible {
    case unreadable
    case unknownKey
    case forged
    case otherBlock
    case otherPlace(Int, wanted: Int)
    case lowLevel(Level)

    var description: String {
        switch self {
        case .unreadable: "its receipt cannot be read"
        case .unknownKey: "its receipt is signed with a key that is not valid here"
        case .forged: "its receipt's signature does not match"
        case .otherBlock: "its receipt is for another block, or for other bytes"
        case .otherPlace(let place, let wanted):
            "its receipt is of place \(place) of the chain, not of place \(wanted)"
        case .lowLevel(let level): "its receipt says \(level), which is less than was asked for"
        }
    }
}
