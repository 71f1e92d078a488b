#include "kernel/visitor.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "kernel/state.h"

#define ID_RAW 16
#define TOKEN_RAW 32

/* What is kept of one that has renewed. */
typedef struct Renewal {
  uint64_t newest, oldest; /* generations */
  char cid[CID_LEN + 1];   /* of the conversation that renewed last */
} Renewal;

/* One whose newest token was used, while that is being kept. */
struct Confirmed {
  struct Confirmed *next;
  Kernel *kernel;
  uint8_t id[ID_RAW];
  uint64_t newest;
};

/* --- tokens --- */

static void sign_with(const MacKey *key, const uint8_t id[ID_RAW],
                      uint64_t generation, uint8_t out[TOKEN_RAW]) {
  uint8_t bytes[ID_RAW + 8];
  memcpy(bytes, id, ID_RAW);
  for (int i = 0; i < 8; i++)
    bytes[ID_RAW + i] = (uint8_t)(generation >> 8 * i);
  memcpy(out, id, ID_RAW);
  mac_whole(out + ID_RAW, key, slice((const char *)bytes, sizeof bytes));
}

static void sign(const Kernel *k, const uint8_t id[ID_RAW], uint64_t generation,
                 uint8_t out[TOKEN_RAW]) {
  sign_with(&k->visitor_key, id, generation, out);
}

static bool is_signed(const MacKey *key, const uint8_t token[TOKEN_RAW],
                      uint64_t generation) {
  uint8_t right[TOKEN_RAW];
  sign_with(key, token, generation, right);
  return token_eq(slice((const char *)token, TOKEN_RAW),
                  slice((const char *)right, TOKEN_RAW));
}

/* By us, or by a store whose conversations were taken in: its visitors came
 * along. */
static bool is_generation(const Kernel *k, const uint8_t token[TOKEN_RAW],
                          uint64_t generation) {
  bool is = is_signed(&k->visitor_key, token, generation);
  for (size_t i = 0; i < k->n_guest_keys && !is; i++)
    is = is_signed(&k->guest_keys[i], token, generation);
  return is;
}

/* --- what is kept --- */

#define ROW_PREFIX "visitor/"
#define ROW_KEY_BYTES (8 + ID_RAW)
/* and then a hash of the key, which is the value */
#define KEYS_PREFIX "visitors/"

static Slice row_key(char out[ROW_KEY_BYTES], const uint8_t id[ID_RAW]) {
  memcpy(out, ROW_PREFIX, 8);
  memcpy(out + 8, id, ID_RAW);
  return slice(out, ROW_KEY_BYTES);
}

static Blob *row_value(const Renewal *r) {
  Buf b = { 0 };
  buf_varint(&b, r->newest);
  buf_varint(&b, r->oldest);
  buf_block(&b, slice_str(r->cid));
  Blob *value = blob_new(buf_view(&b));
  buf_free(&b);
  return value;
}

static bool read_row(Slice in, Renewal *r) {
  Slice cid;
  if (take_varint(&in, &r->newest) || take_varint(&in, &r->oldest) ||
      take_block(&in, &cid) || cid.len > CID_LEN || r->oldest > r->newest)
    return false;
  memcpy(r->cid, cid.ptr, cid.len);
  return true;
}

/* False when nothing can be said of it: its row is damaged. */
static bool find(const Kernel *k, const uint8_t id[ID_RAW], Renewal *r) {
  char key[ROW_KEY_BYTES];
  Blob *value;
  *r = (Renewal){ 0 };
  if (!k->has_renewals) return true;
  Err e = store_get(k->store, STORE_META, row_key(key, id), &value);
  if (e == ERR_NOT_FOUND) return true;
  if (e) return false;
  bool ok = read_row(blob_view(value), r);
  blob_drop(value);
  for (const Confirmed *c = k->confirmed; c && ok; c = c->next)
    if (memcmp(c->id, id, ID_RAW) == 0 && c->newest == r->newest)
      r->oldest = r->newest;
  return ok;
}

/* --- the newest was used --- */

static void on_confirmed(void *ud, Err e) {
  (void)e; /* not kept: it is confirmed again by the next request */
  Confirmed *c = ud;
  Confirmed **at = &c->kernel->confirmed;
  while (*at != c) at = &(*at)->next;
  *at = c->next;
  free(c);
}

static void confirm(Kernel *k, const uint8_t id[ID_RAW], const Renewal *r) {
  char key[ROW_KEY_BYTES];
  Renewal now = { .newest = r->newest, .oldest = r->newest };
  StoreRow row = { STORE_META, blob_new(row_key(key, id)), row_value(&now) };
  StoreItem item = { .is_rows = true, .rows = &row, .n_rows = 1 };
  Confirmed *c = xcalloc(1, sizeof *c);
  *c = (Confirmed){ .next = k->confirmed, .kernel = k, .newest = r->newest };
  memcpy(c->id, id, ID_RAW);
  k->confirmed = c;
  store_commit(k->store, &item, on_confirmed, c);
  blob_drop(row.key);
  blob_drop(row.value);
}

static bool see_first(void *ud, Slice key, Slice value) {
  (void)value;
  *(bool *)ud = slice_starts(key, SLICE(ROW_PREFIX));
  return false;
}

static bool see_key(void *ud, Slice key, Slice value) {
  Kernel *k = ud;
  if (!slice_starts(key, SLICE(KEYS_PREFIX))) return false;
  if (value.len == sizeof(MacKey))
    memcpy(&k->guest_keys[k->n_guest_keys++], value.ptr, sizeof(MacKey));
  return k->n_guest_keys < VISITOR_KEYS_MAX;
}

void visitors_export(const Kernel *k, StoreSee see, void *ud) {
  Slice value = slice((const char *)&k->visitor_key, sizeof k->visitor_key);
  Buf key = { 0 };
  buf_lit(&key, KEYS_PREFIX);
  buf_printf(&key, "%016llx", (unsigned long long)hash64(value));
  see(ud, buf_view(&key), value);
  buf_free(&key);
  store_scan(k->store, STORE_META, SLICE("visitor"), see, ud);
}

bool visitors_row(Slice key, Slice value) {
  Renewal r = { 0 };
  if (slice_starts(key, SLICE(KEYS_PREFIX)))
    return key.len == sizeof KEYS_PREFIX - 1 + 16 &&
           value.len == sizeof(MacKey);
  return slice_starts(key, SLICE(ROW_PREFIX)) && key.len == ROW_KEY_BYTES &&
         read_row(value, &r);
}

void visitors_open(Kernel *k) {
  k->n_guest_keys = 0;
  store_scan(k->store, STORE_META, SLICE(KEYS_PREFIX), see_key, k);
  k->has_renewals = false;
  store_scan(k->store, STORE_META, SLICE(ROW_PREFIX), see_first,
             &k->has_renewals);
}

bool visitors_renew(const Kernel *k) { return k->has_renewals; }

void visitors_key(Kernel *k) {
  k->visitor_key = mac_key(k->config.key, SLICE("visitor"));
}

void visitors_free(Kernel *k) {
  while (k->confirmed) {
    Confirmed *c = k->confirmed;
    k->confirmed = c->next;
    free(c);
  }
}

/* --- what the host asks --- */

void visitor_mint(Kernel *k, Visitor *out) {
  uint8_t id[ID_RAW], token[TOKEN_RAW];
  *out = (Visitor){ .is_newest = true };
  random_bytes(id, sizeof id);
  out->id[base64url(out->id, id, sizeof id)] = '\0';
  sign(k, id, 0, token);
  out->token[base64url(out->token, token, sizeof token)] = '\0';
}

bool visitor_of(Kernel *k, Slice token, Visitor *out) {
  uint8_t raw[TOKEN_RAW];
  Renewal r;
  if (!unbase64url(raw, sizeof raw, token) || !find(k, raw, &r)) return false;
  uint64_t g = r.newest;
  while (!is_generation(k, raw, g))
    if (g-- == r.oldest) return false;
  *out = (Visitor){ .is_newest = g == r.newest };
  out->id[base64url(out->id, raw, ID_RAW)] = '\0';
  if (out->is_newest && r.oldest < r.newest) confirm(k, raw, &r);
  if (out->is_newest) return true;
  sign(k, raw, r.newest, raw);
  out->token[base64url(out->token, raw, sizeof raw)] = '\0';
  memcpy(out->teller, r.cid, sizeof out->teller);
  return true;
}

/* --- renewing --- */

static bool owner_id(const Conv *c, uint8_t id[ID_RAW]) {
  return c->owner && unbase64url(id, ID_RAW, slice_str(c->owner));
}

void visitor_check(Kernel *k, lua_State *L) {
  uint8_t id[ID_RAW];
  if (k->turn.is_boot)
    luaL_error(L, "renew_session: a page that is drawn for the first time has "
                  "a token of its own; renew it in a handler or a flow");
  if (!owner_id(k->turn.conv, id))
    luaL_error(L, "renew_session: this conversation has no visitor");
}

void visitor_renew(Kernel *k, lua_State *L) {
  Conv *c = k->turn.conv;
  uint8_t id[ID_RAW];
  char key[ROW_KEY_BYTES];
  Renewal r;
  visitor_check(k, L);
  if (!owner_id(c, id) || !find(k, id, &r))
    luaL_error(L, "renew_session: what is kept of the visitor is damaged");
  r.newest++;
  if (r.newest - r.oldest > VISITOR_TOKENS_MAX)
    r.oldest = r.newest - VISITOR_TOKENS_MAX;
  memcpy(r.cid, c->cid, sizeof r.cid);
  k->has_renewals = true;
  turn_row(k, STORE_META, row_key(key, id), row_value(&r));
  turn_piece(k, FRAG_RENEWED, PATCH_OUTER, (Slice){ 0 }, (Slice){ 0 });
}
