// The system's own header, found by pkg-config; what Swift cannot import from it is wrapped below.
#pragma once
#include <sqlite3.h>

// C variadics and the function-pointer casts of SQLite's macros do not cross into Swift.

static inline int expvault_sqlite3_db_config_int(sqlite3 *db, int op, int value, int *result) {
    return sqlite3_db_config(db, op, value, result);
}

static inline int expvault_sqlite3_bind_blob_copy(sqlite3_stmt *s, int i, const void *p, sqlite3_uint64 n) {
    return sqlite3_bind_blob64(s, i, p, n, SQLITE_TRANSIENT);
}

static inline int expvault_sqlite3_bind_text_copy(sqlite3_stmt *s, int i, const char *p, sqlite3_uint64 n) {
    return sqlite3_bind_text64(s, i, p, n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline void expvault_sqlite3_result_text_copy(sqlite3_context *c, const char *p, sqlite3_uint64 n) {
    sqlite3_result_text64(c, p, n, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static inline int expvault_sqlite3_bind_blob_borrowed(sqlite3_stmt *s, int i, const void *p, sqlite3_uint64 n) {
    return sqlite3_bind_blob64(s, i, p, n, SQLITE_STATIC);
}

static inline void expvault_sqlite3_result_blob_copy(sqlite3_context *c, const void *p, sqlite3_uint64 n) {
    sqlite3_result_blob64(c, p, n, SQLITE_TRANSIENT);
}

// A virtual table and its cursor, each with a pointer to what the caller keeps for it. SQLite looks at `base` only.

typedef struct expvault_sqlite3_vtab {
    sqlite3_vtab base;
    void *owner;
} expvault_sqlite3_vtab;

typedef struct expvault_sqlite3_vtab_cursor {
    sqlite3_vtab_cursor base;
    void *owner;
} expvault_sqlite3_vtab_cursor;
