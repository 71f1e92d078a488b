/* Reading: a transaction of its own for each call, so that none outlives a turn
 * and holds pages back. Rows are looked at before they are believed.
 *
 * What is in the redo log alone: a head is taken from there; a row is waited
 * for, until the applier has brought it. When the database cannot be written,
 * that would be long: then rows are looked for in the log, and scans show what
 * the database has. */
#include "store/guts.h"
#include "store/record.h"

static Err from_mdb(int e) {
  return e == MDB_NOTFOUND ? ERR_NOT_FOUND : e ? ERR_UNAVAILABLE : OK;
}

Err read_begin(Lmdb *s, MDB_txn **txn) {
  pthread_rwlock_rdlock(&s->env_lock);
  if (mdb_txn_begin(s->env, NULL, MDB_RDONLY, txn) == 0) return OK;
  pthread_rwlock_unlock(&s->env_lock);
  return ERR_UNAVAILABLE;
}

void read_end(Lmdb *s, MDB_txn *txn) {
  mdb_txn_abort(txn);
  pthread_rwlock_unlock(&s->env_lock);
}

/* The sound content under `key`; it dies with the transaction. */
static Err find(Lmdb *s, MDB_txn *txn, StoreTable table, Slice key,
                Slice *content) {
  MDB_val k = val_of(key), found;
  Err e = from_mdb(mdb_get(txn, s->tables[table], &k, &found));
  if (!e && !record_open(key, slice_of(&found), content)) e = ERR_IO;
  return e;
}

/* Points are of one conversation. */
static const uint8_t *whose(StoreTable table, Slice key) {
  bool is_one_s = table == STORE_POINT && key.len >= CID_RAW;
  return is_one_s ? (const uint8_t *)key.ptr : NULL;
}

Err read_head(Store *store, const uint8_t raw[CID_RAW], Blob **head,
              uint64_t *revision) {
  Lmdb *s = (Lmdb *)store;
  MDB_txn *txn;
  Slice content;
  if (await_find_head(s, raw, head, revision))
    return *head ? OK : ERR_NOT_FOUND;
  Err e = read_begin(s, &txn);
  if (e) return e;
  e = find(s, txn, STORE_HEAD, slice((const char *)raw, CID_RAW), &content);
  if (!e && content.len < RECORD_REVISION_BYTES) e = ERR_IO;
  if (!e) {
    *revision = u64_get((const uint8_t *)content.ptr);
    *head = blob_new(slice(content.ptr + RECORD_REVISION_BYTES,
                           content.len - RECORD_REVISION_BYTES));
  }
  read_end(s, txn);
  return e;
}

Err read_row(Store *store, StoreTable table, Slice key, Blob **value) {
  Lmdb *s = (Lmdb *)store;
  MDB_txn *txn;
  Slice content;
  if (await_applied(s, table, whose(table, key)) &&
      await_find_row(s, table, key, value))
    return *value ? OK : ERR_NOT_FOUND;
  Err e = read_begin(s, &txn);
  if (e) return e;
  e = find(s, txn, table, key, &content);
  if (!e) *value = blob_new(content);
  read_end(s, txn);
  return e;
}

/* --- scans --- */

typedef struct Scan {
  StoreTable table;
  Slice whose; /* of points: the one conversation, or empty */
  StoreSee see;
  void *ud;
  bool of_damaged; /* shows what is damaged, and nothing else */
  bool met_damage;
} Scan;

/* Shows one row, unless it is of the other table in its database. False to
 * stop. */
static bool show(Scan *scan, Slice key, Slice record) {
  if (scan->whose.len && !slice_starts(key, scan->whose)) return false;
  if (scan->table == STORE_HEAD && key.len != CID_RAW) return true;
  if (scan->table == STORE_POINT && key.len == CID_RAW) return true;
  Slice content;
  bool sound = record_open(key, record, &content);
  if (scan->table == STORE_HEAD && sound) {
    sound = content.len >= RECORD_REVISION_BYTES;
    if (sound)
      content = slice(content.ptr + RECORD_REVISION_BYTES,
                      content.len - RECORD_REVISION_BYTES);
  }
  if (!sound) scan->met_damage = true;
  if (sound == scan->of_damaged) return true;
  return scan->see(scan->ud, key, sound ? content : record);
}

static Err run(Lmdb *s, Scan *scan, Slice from) {
  MDB_txn *txn;
  MDB_cursor *cursor;
  await_applied(s, scan->table, whose(scan->table, from));
  Err err = read_begin(s, &txn);
  if (err) return err;
  int e = mdb_cursor_open(txn, s->tables[scan->table], &cursor);
  if (!e) {
    MDB_val key = val_of(from), value;
    e = mdb_cursor_get(cursor, &key, &value,
                       from.len ? MDB_SET_RANGE : MDB_FIRST);
    while (!e && show(scan, slice_of(&key), slice_of(&value)))
      e = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    mdb_cursor_close(cursor);
  }
  read_end(s, txn);
  return e == MDB_NOTFOUND ? OK : from_mdb(e);
}

Err read_scan(Store *store, StoreTable table, Slice from, StoreSee see,
              void *ud) {
  Scan scan = { .table = table, .see = see, .ud = ud };
  if (whose(table, from)) scan.whose = slice(from.ptr, CID_RAW);
  Err e = run((Lmdb *)store, &scan, from);
  return !e && scan.met_damage ? ERR_IO : e;
}

Err read_damaged(Store *store, StoreTable table, StoreSee see, void *ud) {
  Scan scan = { .table = table, .see = see, .ud = ud, .of_damaged = true };
  return run((Lmdb *)store, &scan, (Slice){ 0 });
}
