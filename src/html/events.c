/* on_* attributes, to the expressions that the client and Datastar read:
 *
 *   on_keydown = {"save", 7, key = "Enter", prevent = true}
 *   data-on:keydown__prevent="evt.key === 'Enter' && @post('/conv/...')"
 *
 * Events of one attribute that share their modifiers share an expression. */
#include "html/draw.h"

#include "base/nearest.h"

/* In the order they are written. */
enum { ONCE = 1, PREVENT = 2, STOP = 4, OUTSIDE = 8, WINDOW = 16 };

typedef struct Modifiers {
  unsigned flags;
  uint32_t debounce_ms, throttle_ms;
} Modifiers;

typedef struct Event { /* valid until Lua code can run */
  Slice name, to, key, confirm;
  bool has_key, has_confirm;
  bool queue;          /* sent also while the one before is unanswered */
  const TValue *value; /* or NULL */
  Modifiers modifiers;
} Event;

/* What the events of one attribute have in common. */
typedef struct Place {
  Slice attribute; /* "on_click", for messages */
  bool is_submit;
  bool is_form; /* the submit of a form: its fields go along */
} Place;

static uint32_t milliseconds(Render *r, const Place *p, Slice name,
                             const TValue *v) {
  lua_Number seconds = ttisinteger(v) ? (lua_Number)ivalue(v)
                       : ttisfloat(v) ? fltvalue(v)
                                      : -1;
  if (!(seconds >= 0 && seconds <= 86400))
    trouble(r, "%s: %s takes seconds, from 0 to 86400", shown(r, p->attribute),
            shown(r, name));
  return (uint32_t)(seconds * 1000 + 0.5);
}

static Slice text(Render *r, const Place *p, Slice name, const TValue *v) {
  if (!ttisstring(v))
    trouble(r, "%s: %s takes a string, not a %s", shown(r, p->attribute),
            shown(r, name), lua_typename(r->L, ttype(v)));
  return value_slice(v);
}

static void read_option(Render *r, const Place *p, Event *e, Slice name,
                        const TValue *v) {
  static const struct {
    const char *name;
    unsigned flag;
  } flags[] = {
    { "once", ONCE },       { "prevent", PREVENT }, { "stop", STOP },
    { "outside", OUTSIDE }, { "window", WINDOW },
  };
  static const char *const all[] = { "debounce", "throttle", "key",
                                     "once",     "prevent",  "stop",
                                     "outside",  "window",   "confirm",
                                     "to",       "queue",    NULL };
  for (size_t i = 0; i < countof(flags); i++) {
    if (!slice_is(name, flags[i].name)) continue;
    if (!ttisboolean(v))
      trouble(r, "%s: %s takes true or false", shown(r, p->attribute),
              flags[i].name);
    if (ttistrue(v)) e->modifiers.flags |= flags[i].flag;
    return;
  }
  if (slice_is(name, "debounce") || slice_is(name, "throttle")) {
    uint32_t ms = l_isfalse(v) ? 0 : milliseconds(r, p, name, v);
    if (name.ptr[0] == 'd')
      e->modifiers.debounce_ms = ms;
    else
      e->modifiers.throttle_ms = ms;
  } else if (slice_is(name, "key")) {
    e->has_key = !l_isfalse(v);
    if (e->has_key) e->key = text(r, p, name, v);
  } else if (slice_is(name, "confirm")) {
    e->has_confirm = !l_isfalse(v);
    if (e->has_confirm) e->confirm = text(r, p, name, v);
  } else if (slice_is(name, "queue")) {
    if (!ttisboolean(v))
      trouble(r, "%s: queue takes true or false", shown(r, p->attribute));
    e->queue = ttistrue(v);
  } else if (slice_is(name, "to")) {
    if (!l_isfalse(v)) e->to = text(r, p, name, v);
  } else {
    Nearest near = nearest_to(name);
    for (size_t i = 0; all[i]; i++) nearest_try(&near, slice_str(all[i]));
    const char *meant = near.found.ptr; /* one of `all`: it ends with a NUL */
    trouble(r, "%s has no option \"%s\"%s%s%s", shown(r, p->attribute),
            shown(r, name), meant ? " (did you mean \"" : "",
            meant ? meant : "", meant ? "\"?)" : "");
  }
}

/* "name", true, or {"name", value, options...}. */
static Event read_event(Render *r, const Place *p, const TValue *v) {
  Event e = { .modifiers.flags = p->is_submit ? PREVENT : 0 };
  const TValue *name = v;
  if (ttistable(v)) {
    Table *t = hvalue(v);
    name = luaH_getint(t, 1);
    const TValue *value = luaH_getint(t, 2);
    if (!ttisnil(value)) e.value = value;
    size_t loose = items_check(r, t).loose;
    for (lua_Integer i = 3; i <= (lua_Integer)(array_size(t) + loose); i++)
      if (!ttisnil(luaH_getint(t, i)))
        trouble(r, "%s: an event carries one value (give a table)",
                shown(r, p->attribute));
    for (unsigned i = 0, n = isdummy(t) ? 0 : (unsigned)sizenode(t); i < n;
         i++) {
      const Node *node = gnode(t, i);
      if (isempty(gval(node)) || keytt(node) == LUA_VNUMINT) continue;
      read_option(r, p, &e, string_slice(keystrval(node)), gval(node));
    }
  }
  if (ttistrue(name)) {
    e.name = SLICE("-");
  } else if (ttisstring(name) && tsslen(tsvalue(name)) > 0) {
    e.name = value_slice(name);
  } else {
    trouble(r,
            "%s takes \"event\", {\"event\", value, options...}, a list of "
            "those, or "
            "true%s",
            shown(r, p->attribute),
            ttisfunction(name) ? ", not a function (put it into on = {...})"
                               : "");
  }
  return e;
}

static bool same(const Modifiers *a, const Modifiers *b) {
  return a->flags == b->flags && a->debounce_ms == b->debounce_ms &&
         a->throttle_ms == b->throttle_ms;
}

/* "data-on:input__once__debounce.300ms" */
static Slice attribute_name(Render *r, Attrs *a, Slice event,
                            const Modifiers *m) {
  static const char *const words[] = { "__once", "__prevent", "__stop",
                                       "__outside", "__window" };
  char text[96];
  Buf b = { .ptr = text, .cap = sizeof text, .max = sizeof text };
  for (size_t i = 0; i < countof(words); i++)
    if (m->flags & 1u << i) buf_puts(&b, words[i]);
  const uint32_t ms[] = { m->debounce_ms, m->throttle_ms };
  static const char *const timed[] = { "__debounce.", "__throttle." };
  for (size_t i = 0; i < 2; i++) {
    if (!ms[i]) continue;
    buf_puts(&b, timed[i]);
    buf_uint(&b, ms[i]);
    buf_lit(&b, "ms");
  }
  ASSERT(!b.err && b.ptr == text);
  Slice base = attrs_name(r, a, "data-on:", event);
  if (!b.len) return base;
  char *p = attrs_name_room(r, a, base.len + b.len);
  memcpy(p, base.ptr, base.len);
  memcpy(p + base.len, b.ptr, b.len);
  return slice(p, base.len + b.len);
}

/* Appends the URL that sends this event. */
static void write_url(Render *r, const Event *e, Buf *out) {
  lua_State *L = r->L;
  int value = 0, top = lua_gettop(L);
  want_stack(L, LUA_MINSTACK + 1);
  if (e->value) {
    push_value(L, e->value);
    value = lua_gettop(L);
  }
  if (!r->ctx->event_url) trouble(r, "no event can be sent from here");
  r->ctx->event_url(r->ctx, L, e->to, e->name, value, out);
  lua_settop(L, top);
}

/* The conditions come first: after write_url the event's strings may be gone.
 */
static void write_expression(Render *r, const Place *p, const Event *e) {
  Buf *scratch = &r->scratch;
  bool queue = e->queue;
  if (e->has_key) {
    buf_lit(scratch, "evt.key === ");
    html_js_string(scratch, e->key);
    buf_lit(scratch, " && ");
  }
  if (e->has_confirm) {
    buf_lit(scratch, "confirm(");
    html_js_string(scratch, e->confirm);
    buf_lit(scratch, ") && ");
  }
  buf_lit(scratch, "@post(");
  size_t at = scratch->len;
  buf_byte(scratch, '\'');
  write_url(r, e, scratch);
  Slice url = since(scratch, at + 1);
  if (memchr(url.ptr, '\'', url.len) || memchr(url.ptr, '\\', url.len)) {
    Buf literal = { 0 };
    html_js_string(&literal, url);
    scratch->len = at;
    buf_slice(scratch, buf_view(&literal));
    buf_free(&literal);
  } else {
    buf_byte(scratch, '\'');
  }
  static const char *const options[] = {
    ")", ", {contentType: 'form'})", ", {queue: true})",
    ", {contentType: 'form', queue: true})"
  };
  buf_puts(scratch, options[p->is_form + 2 * queue]);
}

static Table *list_of_events(Render *r, const TValue *v) {
  if (!ttistable(v)) return NULL;
  Table *t = hvalue(v);
  bool is_list = ttistable(luaH_getint(t, 1)) ||
                 render_special(r, t) == SPECIAL_LIST;
  return is_list ? t : NULL;
}

static void add_action(Render *r, Attrs *a, const Place *p, const TValue *v) {
  size_t at = r->scratch.len;
  Event e = read_event(r, p, v);
  write_url(r, &e, &r->scratch);
  attrs_add_scratch(r, a, ATTRS_KEEP, SLICE("action"), at);
  attrs_add_text(r, a, ATTRS_KEEP, SLICE("method"), SLICE("post"));
}

void events_expand(Render *r, Attrs *a, Slice key, const TValue *value) {
  Slice event = slice(key.ptr + 3, key.len - 3);
  Place p = { key, slice_is(event, "submit"), false };
  p.is_form = p.is_submit && a->tag->kind == TAG_FORM;
  Table *list = list_of_events(r, value);
  if (!list) {
    Event e = read_event(r, &p, value);
    Slice name = attribute_name(r, a, event, &e.modifiers);
    size_t at = r->scratch.len;
    write_expression(r, &p, &e);
    attrs_add_scratch(r, a, ATTRS_NEW, name, at);
    if (p.is_form) add_action(r, a, &p, value);
    return;
  }
  /* Read again for each use: sending one may run code that changes the list. */
  uint32_t done = 0;
  size_t n = array_size(list) + items_check(r, list).loose;
  if (n > MARKUP_EVENTS_MAX)
    trouble(r, "%s has more than %d events", shown(r, key), MARKUP_EVENTS_MAX);
  for (size_t i = 0; i < n; i++) {
    const TValue *v = luaH_getint(list, (lua_Integer)i + 1);
    if (done & 1u << i || l_isfalse(v)) continue;
    Event first = read_event(r, &p, v);
    Modifiers modifiers = first.modifiers;
    Slice name = attribute_name(r, a, event, &modifiers);
    size_t at = r->scratch.len;
    for (size_t j = i; j < n; j++) {
      v = luaH_getint(list, (lua_Integer)j + 1);
      if (done & 1u << j || l_isfalse(v)) continue;
      Event e = read_event(r, &p, v);
      if (!same(&e.modifiers, &modifiers)) continue;
      done |= 1u << j;
      if (r->scratch.len > at) buf_lit(&r->scratch, "; ");
      write_expression(r, &p, &e);
    }
    attrs_add_scratch(r, a, ATTRS_NEW, name, at);
  }
  if (p.is_form)
    for (size_t i = 0; i < n; i++) {
      const TValue *v = luaH_getint(list, (lua_Integer)i + 1);
      if (l_isfalse(v)) continue;
      add_action(r, a, &p, v);
      break;
    }
}
