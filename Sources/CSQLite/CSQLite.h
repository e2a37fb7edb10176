// SQLite, and the calls whose macros Swift cannot see.
#pragma once
#include <sqlite3.h>

// Closing leaves the WAL alone: who finds none then knows that it is missing.
static inline int csqlite_keep_wal(sqlite3 *connection) {
    return sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)0);
}

// Binds a copy of the bytes. A blob of no bytes is not NULL.
static inline int csqlite_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return count > 0 ? sqlite3_bind_blob(statement, index, bytes, count, SQLITE_TRANSIENT)
                     : sqlite3_bind_zeroblob(statement, index, 0);
}
