/// Walks every entry under a prefix in byte order, a page in memory at a time.
///
///     var cursor = namespace.keys(prefix: "photos/")
///     while let entry = try cursor.next() { ... }
public struct KeyCursor {
    private let namespace: NamespaceClient
    private let prefix: String
    private let delimiter: String
    private let page: Int
    /// Where the next page starts; `nil` after the last one.
    private var start: String?
    private var entries: ArraySlice<ListEntry> = []

    init(
        _ namespace: NamespaceClient, prefix: String, delimiter: String, startAfter: String,
        page: Int
    ) {
        self.namespace = namespace
        self.prefix = prefix
        self.delimiter = delimiter
        self.page = page
        start = startAfter
    }

    /// The next entry; `nil` at the end. After an error the same call asks for the same page again.
    public mutating func next() throws(ClientError) -> ListEntry? {
        while entries.isEmpty, let from = start {
            let listed = try namespace.list(
                prefix: prefix, startAfter: from, limit: page, delimiter: delimiter)
            entries = listed.entries[...]
            start = listed.next
        }
        return entries.popFirst()
    }
}

extension NamespaceClient {
    /// - Parameters:
    ///   - delimiter: what goes on after it is one entry, a common prefix; empty: every key.
    ///   - page: entries asked for at once.
    public func keys(
        prefix: String = "", delimiter: String = "", startAfter: String = "", page: Int = 1_000
    ) -> KeyCursor {
        KeyCursor(
            self, prefix: prefix, delimiter: delimiter, startAfter: startAfter, page: page)
    }
}
