/// The tables, and what marks a database as a namespace.
enum Schema {
    /// "Ctna": no other program's database has it.
    static let applicationID: Int64 = 0x4374_6e61
    /// 1 had no history, and no incarnations in its rows: it is read, and becomes 2 when it is
    /// opened to be served.
    static let versions: ClosedRange<Int64> = 1...2
    static let pageBytes = 4_096

    static let tables = [
        "CREATE TABLE meta (name TEXT PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID",
        "CREATE TABLE key (name BLOB PRIMARY KEY, record BLOB NOT NULL) WITHOUT ROWID",
        """
        CREATE TABLE extent (value INTEGER NOT NULL, position INTEGER NOT NULL, \
        record BLOB NOT NULL, PRIMARY KEY (value, position)) WITHOUT ROWID
        """,
        "CREATE TABLE block (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE open (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE doomed (id INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE lease (value INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE outcome (sequence INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE node (number INTEGER PRIMARY KEY, record BLOB NOT NULL)",
        "CREATE TABLE signing (place INTEGER PRIMARY KEY, record BLOB NOT NULL)",
    ]

    /// Makes an empty namespace in a database that has just been made.
    static func create(
        _ connection: SQLiteConnection, state: StoreState
    ) throws(StoreFailure) {
        try connection.run("PRAGMA page_size = \(pageBytes)")
        try connection.run("PRAGMA journal_mode = WAL")
        try connection.run("PRAGMA synchronous = FULL")
        try connection.run("BEGIN IMMEDIATE")
        try connection.run("PRAGMA application_id = \(applicationID)")
        try connection.run("PRAGMA user_version = \(versions.upperBound)")
        for table in tables { try connection.run(table) }
        let put = try connection.prepare("INSERT INTO meta (name, record) VALUES ('state', ?1)")
        put.bind(1, StateRow.write(state))
        try put.run()
        try connection.run("COMMIT")
    }

    /// Whether this is a namespace of a version this program knows, with the tables it should have.
    static func check(_ connection: SQLiteConnection) throws(StoreFailure) {
        guard try connection.number("PRAGMA application_id") == applicationID else {
            throw StoreFailure("\(connection.path) is a database, but not a namespace")
        }
        let found = try connection.number("PRAGMA user_version")
        guard versions.contains(found) else {
            throw StoreFailure(
                "\(connection.path) has schema \(found), this program knows up to "
                    + "\(versions.upperBound): use a newer one")
        }
        let made = try connection.texts("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        guard Set(made) == Set(tables) else {
            throw StoreFailure("\(connection.path) does not have a namespace's tables")
        }
    }

    /// Older programs do not understand what is written from now on, and must say so.
    static func upgrade(_ connection: SQLiteConnection) throws(StoreFailure) {
        guard try connection.number("PRAGMA user_version") < versions.upperBound else { return }
        try connection.run("PRAGMA user_version = \(versions.upperBound)")
    }
}
