import Wire

/// The rows of the signing keys: 0 says on which clock they are timed, 1 to 3 are the previous, the
/// current and the next key, those from 4 on the retired ones.
enum SigningRows {
    static func write(_ keys: SigningKeys.Saved, boot: String) -> [(place: UInt64, record: [UInt8])]
    {
        var clock = RecordWriter()
        clock.counted(Array(boot.utf8))
        clock.signed(keys.rotated)
        var rows: [(place: UInt64, record: [UInt8])] = [(0, clock.bytes)]
        if let previous = keys.previous { rows.append((1, write(previous))) }
        rows.append((2, write(keys.current)))
        rows.append((3, write(keys.next)))
        for (index, key) in keys.retired.enumerated() {
            rows.append((UInt64(4 + index), write(key)))
        }
        return rows
    }

    /// `nil` when there are none.
    static func read(
        _ rows: [(place: UInt64, record: [UInt8])], boot: String
    ) throws(RecordReader.Malformed) -> SigningKeys.Saved? {
        guard let first = rows.first else { return nil }
        var clock = RecordReader(first.record)
        let isOnThisClock = try clock.counted() == Array(boot.utf8)
        let rotated = try clock.signed()
        var previous: SigningKey?
        var current: SigningKey?
        var next: SigningKey?
        var retired: [SigningKey] = []
        for row in rows.dropFirst() {
            let key = try key(row.record)
            switch row.place {
            case 1: previous = key
            case 2: current = key
            case 3: next = key
            default: retired.append(key)
            }
        }
        guard first.place == 0, let current, let next else { throw RecordReader.Malformed() }
        var saved = SigningKeys.Saved(
            previous: previous, current: current, next: next, retired: retired, rotated: rotated)
        saved.isOnThisClock = isOnThisClock
        return saved
    }

    private static func write(_ key: SigningKey) -> [UInt8] {
        var writer = RecordWriter(capacity: 64)
        writer.number(key.id.number)
        writer.signed(key.made)
        writer.counted(key.secret)
        return writer.bytes
    }

    private static func key(_ bytes: [UInt8]) throws(RecordReader.Malformed) -> SigningKey {
        var reader = RecordReader(bytes)
        let id = KeyID(try reader.number())
        let made = try reader.signed()
        guard let key = SigningKey(id: id, secret: try reader.counted(), made: made) else {
            throw RecordReader.Malformed()
        }
        return key
    }
}
