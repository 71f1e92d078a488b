/* What a reader does about the redo log: it takes from there what the database
 * does not have yet, or waits until the applier has brought it. */
#include "store/guts.h"

/* --- waiting --- */

/* The number of the newest record that may speak of it; 0: none does. */
static uint64_t concerns(const Redo *r, StoreTable table, const uint8_t *raw) {
  if (!r || !r->first || !(r->tables >> table & 1)) return 0;
  return !raw || recents_find(&r->recents, raw) ? r->last : 0;
}

static Err await_number(Lmdb *s, uint64_t number) {
  pthread_mutex_lock(&s->mutex);
  if (s->wanted_applied < number) s->wanted_applied = number;
  pthread_cond_signal(&s->wake);
  pthread_mutex_unlock(&s->mutex);
  pthread_mutex_lock(&s->redo_mutex);
  while (s->redo_applied < number && !s->trouble)
    pthread_cond_wait(&s->applied, &s->redo_mutex);
  bool is_there = s->redo_applied >= number;
  pthread_mutex_unlock(&s->redo_mutex);
  return is_there ? OK : ERR_UNAVAILABLE;
}

Err await_applied(Lmdb *s, StoreTable table, const uint8_t *raw) {
  if (!s->has_writer) return OK;
  pthread_mutex_lock(&s->redo_mutex);
  uint64_t number = concerns(s->active, table, raw);
  if (!number) number = concerns(s->to_apply, table, raw);
  pthread_mutex_unlock(&s->redo_mutex);
  return number ? await_number(s, number) : OK;
}

Err await_all(Lmdb *s) {
  if (!s->has_writer) return OK;
  pthread_mutex_lock(&s->redo_mutex);
  uint64_t number = s->redo_last;
  pthread_mutex_unlock(&s->redo_mutex);
  return await_number(s, number);
}

/* --- finding it in the log --- */

static bool find_in(const Redo *r, const uint8_t *raw, Blob **head,
                    uint64_t *revision) {
  const Recent *found = r ? redo_recent(r, raw) : NULL;
  if (!found) return false;
  *revision = found->revision;
  *head = *revision ? blob_new(slice(r->bytes.ptr + found->at, found->len))
                    : NULL;
  return true;
}

bool await_find_head(Lmdb *s, const uint8_t *raw, Blob **head,
                     uint64_t *revision) {
  if (!s->has_writer) return false;
  pthread_mutex_lock(&s->redo_mutex);
  bool found = find_in(s->active, raw, head, revision) ||
               find_in(s->to_apply, raw, head, revision);
  pthread_mutex_unlock(&s->redo_mutex);
  return found;
}

bool await_find_row(Lmdb *s, StoreTable table, Slice key, Blob **value) {
  pthread_mutex_lock(&s->redo_mutex);
  bool found = redo_find(s->active, table, key, value) ||
               (s->to_apply && redo_find(s->to_apply, table, key, value));
  pthread_mutex_unlock(&s->redo_mutex);
  return found;
}
