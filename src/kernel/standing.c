/* Where the page stands: the address that the browser shows, and the entries of
 * its history (S34).
 *
 *   `url` of the root, asked after each turn  --+
 *   s.history(how, url), which has its way      +--> address, part of the state
 *   call, answer, become of a visitor's turn  ------> an entry of its own
 *
 * What pages learn of it is a fragment of lines, before all others of its turn:
 *
 *   turn N       going back finds the state that now stands as turn N
 *   url /x?n=5   the address
 *   push P       an entry of its own in page P, which caused the turn
 *   was M        the entry before that one keeps the state of turn M
 *   back P N     page P has gone back; fragment N is the turn's last
 *
 * A page takes the turn of any other fragment for the name of the state, which
 * holds as long as nobody went back: so only then, and when address or entry
 * change, there is something to tell. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>

#include "kernel/state.h"
#include "lua/coro.h"

/* --- history(how, url) --- */

/* true for "push". */
static bool take_mode(lua_State *L, int idx) {
  const char *mode = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx)
                                                     : NULL;
  if (mode && strcmp(mode, "push") == 0) return true;
  if (!mode || strcmp(mode, "replace") != 0)
    luaL_error(L, "history: how must be \"push\" or \"replace\", not %s",
               luaL_tolstring(L, idx, NULL));
  return false;
}

void check_history(Kernel *k, lua_State *L, const Inst *in, int first) {
  (void)in;
  take_mode(L, first);
  address_take(k, L, first + 1, "history:", &k->scratch);
}

void fold_history(Kernel *k, lua_State *L, Origin o, int effect) {
  (void)o;
  int args = effect_args(L, effect, 2);
  bool pushes = take_mode(L, args);
  address_take(k, L, args + 1, "history:", &k->turn.asked);
  k->turn.pushes |= pushes;
}

/* --- url --- */

static const char *last_said(const Conv *c) {
  return c->projected ? c->projected : c->address;
}

/* What `url` says now, into `out`: empty when it leaves the address alone. True
 * when it is to be pushed, if it is another. */
static bool ask_url(Kernel *k, lua_State *L, Inst *root, Buf *out) {
  Turn *t = &k->turn;
  luaL_checkstack(L, 12, "url");
  def_get(k, L, root->def, "url");
  int url = lua_gettop(L);
  const char *place = lua_pushfstring(L,
                                      "%s:", def_place(k, L, root->def, "url"));
  t->iid = t->failed_iid = root->iid;
  lua_pushvalue(L, url);
  conv_push(t->conv, L, root->self);
  const char *was = coro_ban(k->vm, "url");
  t->no_effects = "url";
  lua_call(L, 1, 2);
  t->no_effects = NULL;
  coro_ban(k->vm, was);
  int address = lua_gettop(L) - 1, how = address + 1;
  buf_clear(out);
  if (lua_isnil(L, address)) return false;
  address_take(k, L, address, place, out);
  if (lua_isnil(L, how)) return false;
  if (lua_type(L, how) != LUA_TSTRING ||
      strcmp(lua_tostring(L, how), "push") != 0)
    luaL_error(L, "%s behind the address stands \"push\" or nothing, not %s",
               place, luaL_tolstring(L, how, NULL));
  return true;
}

static int f_project(lua_State *L) {
  Kernel *k = kernel_of(L);
  Turn *t = &k->turn;
  Conv *c = t->conv;
  Inst *root = conv_bottom(c, c->top);
  const char *last = last_said(c);
  bool asks = root && root->def->has_url;
  buf_clear(&k->scratch);
  bool pushes = asks && ask_url(k, L, root, &k->scratch);
  Slice said = buf_view(&k->scratch), asked = buf_view(&t->asked);
  if (!said.len && asks && last) said = slice_str(last);
  bool is_new = said.len && !(last && slice_is(said, last));
  if (!is_new && !asked.len) return 0;
  if (!asked.len) t->pushes |= pushes;
  char *address = dup_slice(asked.len ? asked : said);
  char *projected = asked.len && said.len && !slice_eq(said, asked)
                        ? dup_slice(said)
                        : NULL;
  free(c->projected);
  free(c->address);
  c->projected = projected;
  c->address = address;
  return 0;
}

bool standing_project(Kernel *k) {
  const Conv *c = k->turn.conv;
  const Inst *root = conv_bottom(c, c->top);
  if (!k->turn.asked.len && !(root && root->def->has_url)) return true;
  return turn_protect(k, f_project, NULL, "url");
}

/* --- one turn --- */

static uint64_t address_hash(const Conv *c) {
  if (!c->address) return 0;
  uint64_t h = hash64(slice_str(c->address));
  return h ? h : 1;
}

void standing_begin(Kernel *k, const Conv *c) {
  Turn *t = &k->turn;
  t->rewinds = t->moves = t->pushes = false;
  buf_clear(&t->asked);
  buf_clear(&t->told);
  t->was_address = address_hash(c);
  t->was_turn = c->history.turn;
  t->was_returned = c->history.until != 0;
}

/* Does the visitor's turn get an entry of its own, in the page it came from?
 * One that cannot be gone back to gets none by itself. */
static bool makes_entry(const Kernel *k, const Conv *c, const Event *ev) {
  const Turn *t = &k->turn;
  bool is_place = t->moves && k->config.history_turns &&
                  !(c->back && !c->back[0]);
  return (is_place || t->pushes) && ev && ev->page[0] && !t->failed &&
         !c->ended && !t->rewinds && c->history.turn == c->turn;
}

static void begin_line(Buf *lines, const char *key) {
  if (lines->len) buf_byte(lines, '\n');
  buf_puts(lines, key);
  buf_byte(lines, ' ');
}

void conv_put_standing(const Conv *c, Buf *lines) {
  begin_line(lines, "turn");
  buf_uint(lines, c->history.turn);
  if (!c->address) return;
  begin_line(lines, "url");
  buf_puts(lines, c->kernel->config.base_path);
  buf_puts(lines, c->address);
}

void standing_tell(Kernel *k, const Conv *c, const Event *ev) {
  Turn *t = &k->turn;
  if (t->is_boot) return; /* the page that is being made says it itself */
  bool pushes = makes_entry(k, c, ev);
  bool returns = t->rewinds && ev && ev->is_back && ev->page[0];
  if (!pushes && t->was_address == address_hash(c) && !t->was_returned &&
      !c->history.until)
    return;
  conv_put_standing(c, &t->told);
  if (pushes) {
    begin_line(&t->told, "push");
    buf_puts(&t->told, ev->page);
    begin_line(&t->told, "was");
    buf_uint(&t->told, t->was_turn);
  }
  if (!returns) return;
  begin_line(&t->told, "back");
  buf_printf(&t->told, "%s %u", ev->page, t->n_pieces + 1);
}

/* --- in a head --- */

void standing_put(Buf *b, const Conv *c) {
  if (!c->address) return;
  put_text(b, c->address);
  put_text(b, c->projected);
}

static char *get_address(Reader *r) {
  char *s = get_text(r);
  if (s && address_trouble(slice_str(s))) r->err = ERR_BAD_INPUT;
  return s;
}

void standing_get(Reader *r, Conv *c) {
  free(c->address);
  free(c->projected);
  c->address = c->projected = NULL;
  if (r->err || !r->in.len) return;
  c->address = get_address(r);
  c->projected = get_address(r);
}
