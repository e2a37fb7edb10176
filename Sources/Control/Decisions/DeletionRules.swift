/// When the copies of a block that is of no key any more may be deleted.
package enum DeletionRules {
    /// - Parameters:
    ///   - since: when the block lost its key.
    ///   - lastOpen: when the last token to read it may have been given, as far as is remembered;
    ///     none is given after `since`. `nil`: none was.
    ///   - tokenMs: for how long nodes honour a token.
    package static func due(
        since: Int64, lastOpen: Int64?, graceMs: Int64, tokenMs: Int64
    ) -> Int64 {
        max(since + graceMs, lastOpen.map { min($0, since) + tokenMs } ?? since)
    }
}
