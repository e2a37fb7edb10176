import Wire

/// Whether a receipt shown at CLOSE proves what the caller says.
package enum ReceiptRules {
    /// - Parameters:
    ///   - block: what the namespace knows under the receipt's number.
    ///   - value: the lease's.
    ///   - key: the signing key that the receipt names, when it is known.
    package static func judge(
        _ receipt: Receipt, signature: [UInt8], block: BlockRecord?, value: ValueID,
        key: SigningKey?, maxLength: UInt64
    ) throws(Refusal) {
        let name = receipt.block
        guard let block, block.value == value, block.state == .open else {
            throw Refusal(.blockMismatch, "block \(name) does not belong to this lease")
        }
        guard receipt.epoch == block.epoch else {
            throw Refusal(
                receipt.epoch < block.epoch ? .staleEpoch : .blockMismatch,
                "block \(name) is at epoch \(block.epoch), the receipt at \(receipt.epoch)")
        }
        guard let key, receipt.isSigned(as: signature, by: key) else {
            throw Refusal(.blockMismatch, "the receipt of block \(name) is not signed by its chain")
        }
        guard receipt.length <= maxLength else {
            throw Refusal(.blockMismatch, "block \(name) is longer than a block may be")
        }
    }
}
