import Wire

extension Namenode {
    /// LIST: keys in bytewise order, a page at a time; with a delimiter, what lies behind it shows
    /// as one common prefix.
    mutating func list(
        _ request: ControlList, _ turn: inout Turn<some NamespaceReader>
    ) throws(Refusal) -> ControlListReply {
        try requireNodes(forNewBytes: false, in: turn.store, now: turn.now)
        for text in [request.prefix, request.startAfter, request.delimiter]
        where text.utf8.count > Limits.keyBytes.upperBound {
            throw Refusal(.badKey, "no key is as long as this prefix, start or delimiter")
        }
        var walk = ListWalk(
            prefix: Array(request.prefix.utf8), startAfter: Array(request.startAfter.utf8),
            delimiter: Array(request.delimiter.utf8))
        let asked = request.limit == 0 ? Self.listDefault : Int(request.limit)
        let limit = min(asked, Self.listMost)
        var reply = ControlListReply()
        var room = settings.bounds.replyListBytes
        while let start = walk.next {
            // With a delimiter most keys read ahead may be skipped, so fewer are read.
            let ahead = request.delimiter.isEmpty ? min(limit + 1, Self.listPage) : Self.listSeek
            let keys = turn.store.keys(from: start, limit: ahead)
            for (key, record) in keys {
                guard let item = walk.take(key) else { continue }
                let name = String(decoding: item.name, as: UTF8.self)
                room -= name.utf8.count + Self.entryBytes
                guard reply.entries.count < limit, room > 0 else {
                    reply.more = true
                    reply.next = reply.entries.last?.key ?? ""
                    return reply
                }
                reply.entries.append(Self.entry(name, record, isPrefix: item.isPrefix))
            }
            if keys.count < ahead { walk.end() }
        }
        return reply
    }

    private static var listDefault: Int { 1_000 }
    private static var listMost: Int { 10_000 }
    /// Keys read from the store at a time, without and with a delimiter.
    private static var listPage: Int { 1_000 }
    private static var listSeek: Int { 16 }
    /// What an entry takes besides its name, at most.
    private static var entryBytes: Int { 40 }

    private static func entry(
        _ name: String, _ record: KeyRecord, isPrefix: Bool
    ) -> ControlListEntry {
        var entry = ControlListEntry()
        entry.key = name
        entry.prefix = isPrefix
        if !isPrefix {
            entry.length = record.length
            entry.createdUnixMs = record.createdUnixMs
        }
        return entry
    }
}
