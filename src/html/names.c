/* Attribute names: which are names at all, how they are written, and what the
 * special ones mean. Looked up once for each name of a tree. */
#include "html/draw.h"

#define IDENT 1u /* may be in a Lua identifier */
#define NAME 2u  /* may be in an attribute's name */
#define FIRST 4u /* may begin one */
#define NAME_MAX_BYTES 200

static const uint8_t classes[256] = {
  ['a' ... 'z'] = IDENT | NAME | FIRST,
  ['A' ... 'Z'] = IDENT | NAME | FIRST,
  ['_'] = IDENT | NAME | FIRST,
  ['0' ... '9'] = IDENT | NAME,
  ['-'] = NAME,
  ['.'] = NAME,
  [':'] = NAME | FIRST,
  ['@'] = NAME | FIRST,
};

char *attrs_name_room(Render *r, Attrs *a, size_t len) {
  if (len > sizeof a->names - a->names_len)
    trouble(r, "the attribute names of one element are longer than %d bytes",
            (int)sizeof a->names);
  char *p = a->names + a->names_len;
  a->names_len += len;
  return p;
}

Slice attrs_name(Render *r, Attrs *a, const char *prefix, Slice key) {
  unsigned all = IDENT | NAME;
  bool any = false;
  for (size_t i = 0; i < key.len; i++) {
    all &= classes[(uint8_t)key.ptr[i]];
    any |= key.ptr[i] == '_';
  }
  bool first = key.len && (*prefix || classes[(uint8_t)key.ptr[0]] & FIRST);
  if (!(all & NAME) || !first || key.len > NAME_MAX_BYTES)
    trouble(r, "attribute name \"%s\" is not valid", shown(r, key));
  size_t before = strlen(prefix);
  bool converts = any && (all & IDENT); /* else it stands as it was written */
  if (!converts && !before) return key;
  size_t len = key.len;
  if (converts && len > 1 && key.ptr[len - 1] == '_') len--;
  char *p = attrs_name_room(r, a, before + len);
  memcpy(p, prefix, before);
  for (size_t i = 0; i < len; i++)
    p[before + i] = converts && key.ptr[i] == '_' ? '-' : key.ptr[i];
  return slice(p, before + len);
}

static inline bool is(Slice s, const char *word, size_t len) {
  return s.len == len && memcmp(s.ptr, word, len) == 0;
}
#define IS(s, literal) is((s), literal, sizeof(literal) - 1)

/* HTML's own event attributes run script from a string, which the page's policy
 * forbids; whoever writes one means on_*. */
static void check_inline_handler(Render *r, Slice key) {
  static const char *const events[] = {
    "abort",       "animationend",  "auxclick",    "beforeinput", "blur",
    "cancel",      "canplay",       "change",      "click",       "close",
    "contextmenu", "copy",          "cut",         "dblclick",    "drag",
    "dragend",     "dragenter",     "dragleave",   "dragover",    "dragstart",
    "drop",        "ended",         "error",       "focus",       "focusin",
    "focusout",    "hashchange",    "input",       "invalid",     "keydown",
    "keypress",    "keyup",         "load",        "message",     "mousedown",
    "mouseenter",  "mouseleave",    "mousemove",   "mouseout",    "mouseover",
    "mouseup",     "pageshow",      "paste",       "pause",       "play",
    "pointerdown", "pointerenter",  "pointermove", "pointerout",  "pointerover",
    "pointerup",   "popstate",      "reset",       "resize",      "scroll",
    "select",      "submit",        "toggle",      "touchend",    "touchmove",
    "touchstart",  "transitionend", "unload",      "wheel",       NULL,
  };
  char name[16];
  if (key.len < 3 || key.len - 2 >= sizeof name || (key.ptr[0] | 0x20) != 'o' ||
      (key.ptr[1] | 0x20) != 'n')
    return;
  for (size_t i = 2; i < key.len; i++) name[i - 2] = (char)(key.ptr[i] | 0x20);
  for (const char *const *e = events; *e; e++)
    if (is(slice(name, key.len - 2), *e, strlen(*e)))
      trouble(r, "\"%s\" would run a script: write on_%s = \"an event\"",
              shown(r, key), *e);
}

static Meaning meaning_of(Slice key) {
  if (!key.len) return MEANS_ITSELF;
  switch (key.ptr[0]) {
  case 'b':
    return IS(key, "bind")       ? MEANS_BIND
           : IS(key, "behavior") ? MEANS_BEHAVIOR
                                 : MEANS_ITSELF;
  case 'c': return IS(key, "class") ? MEANS_CLASS : MEANS_ITSELF;
  case 'k': return IS(key, "key") ? MEANS_KEY : MEANS_ITSELF;
  case 'o':
    return key.len > 3 && key.ptr[1] == 'n' && key.ptr[2] == '_' ? MEANS_EVENT
                                                                 : MEANS_ITSELF;
  case 'p': return IS(key, "preserve") ? MEANS_PRESERVE : MEANS_ITSELF;
  case 's': return IS(key, "style") ? MEANS_STYLE : MEANS_ITSELF;
  default: return MEANS_ITSELF;
  }
}

static bool is_url(Slice name) {
  return IS(name, "href") || IS(name, "src") || IS(name, "action") ||
         IS(name, "formaction") || IS(name, "xlink:href");
}

static bool says_true_or_false(Slice name) {
  return (name.len > 5 && memcmp(name.ptr, "aria-", 5) == 0) ||
         IS(name, "draggable") || IS(name, "spellcheck") ||
         IS(name, "contenteditable");
}

/* Finds out about a name that the cache lacks; `*n` is where the answer goes.
 */
static const Name *study(Render *r, Attrs *a, const TString *ks, Name *n) {
  Slice key = string_slice(ks);
  n->meaning = (uint8_t)meaning_of(key);
  n->written = key;
  n->is_url = n->says_true_or_false = false;
  if (n->meaning != MEANS_ITSELF) return n;
  if (key.len && (key.ptr[0] | 0x20) == 'o') check_inline_handler(r, key);
  size_t before = a->names_len;
  n->written = attrs_name(r, a, "", key);
  if (n->written.ptr != key.ptr &&
      n != &a->spare) { /* a->names ends with this tag */
    memcpy(n->room, n->written.ptr, n->written.len);
    n->written.ptr = n->room;
    a->names_len = before;
  }
  n->is_url = is_url(n->written);
  n->says_true_or_false = says_true_or_false(n->written);
  return n;
}

const Name *name_add(Render *r, Attrs *a, const TString *key, size_t i) {
  Cache *c = &r->cache;
  if (c->nnames == CACHE_NAMES / 4 * 3 || tsslen(key) > sizeof c->names[0].room)
    return study(r, a, key, &a->spare);
  const Name *name = study(r, a, key, &c->names[i]);
  StkId at = r->L->ci->func.p + CACHE_STACK + CACHE_TAGS + i;
  setsvalue2s(r->L, at, (TString *)key);
  c->name_keys[i] = key;
  c->nnames++;
  return name;
}
