import ControlClient

extension NamespaceClient {
    /// Every entry under a prefix, fetched a page at a time: memory does not grow with the listing.
    ///
    /// - Parameter page: entries asked for at once.
    /// - Returns: how many entries `each` was given. It stops when `each` answers `false`.
    @discardableResult
    public func forEachKey(
        prefix: String = "", delimiter: String = "", startAfter: String = "", page: Int = 1_000,
        _ each: (ListEntry) -> Bool
    ) throws(ClientError) -> Int {
        var cursor = startAfter
        var count = 0
        while true {
            let listed = try list(
                prefix: prefix, startAfter: cursor, limit: page, delimiter: delimiter)
            for entry in listed.entries {
                count += 1
                guard each(entry) else { return count }
            }
            guard let next = listed.next else { return count }
            cursor = next
        }
    }
}
