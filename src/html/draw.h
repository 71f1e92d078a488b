/* What the files of the renderer share: one drawing under way, and one start
 * tag.
 *
 *   render.c  the walk over the tree         attrs.c   one start tag's
 * attributes tag.c     "div.card#main" taken apart    names.c   attribute names
 *   events.c  on_* to expressions            fields.c  bind, options and key
 * ids words.c   class and style                items.c   a table's items in
 * order values.c  raw, list and slot values      trouble.c errors and their
 * path
 *
 * Pointers into tables are held only while no Lua code can run. What lives
 * longer (a table being walked, a tag, a bound value) stands on the Lua stack.
 */
#ifndef HTML_DRAW_H
#define HTML_DRAW_H

#include "base/limits.h"
#include "html/guts.h"
#include "html/html.h"

/* --- bytes --- */

/* Where `n` bytes may be written, or NULL: buf_reserve, with its usual case
 * inline and without its error when the Buf is near its limit. */
static inline char *room(Buf *b, size_t n) {
  if (b->cap - b->len >= n && !b->err && (!b->max || b->max - b->len >= n))
    return b->ptr + b->len;
  if (b->max && b->max - b->len < n) return NULL;
  return buf_reserve(b, n);
}

/* Copies a name, which is short; returns where it ended. */
static inline char *copy_name(char *to, Slice s) {
  if (s.len >= 8 && s.len <= 16) {
    uint64_t a, b;
    memcpy(&a, s.ptr, 8);
    memcpy(&b, s.ptr + s.len - 8, 8);
    memcpy(to, &a, 8);
    memcpy(to + s.len - 8, &b, 8);
  } else if (s.len >= 4 && s.len < 8) {
    uint32_t a, b;
    memcpy(&a, s.ptr, 4);
    memcpy(&b, s.ptr + s.len - 4, 4);
    memcpy(to, &a, 4);
    memcpy(to + s.len - 4, &b, 4);
  } else if (s.len < 4) {
    for (size_t i = 0; i < s.len; i++) to[i] = s.ptr[i];
  } else {
    memcpy(to, s.ptr, s.len);
  }
  return to + s.len;
}

/* html_text, and ` name="..."` with html_attribute, for what stands in a Lua
 * string: eight bytes before it can be read (its header). */
void escape_text(Buf *out, Slice lua);
void escape_pair(Buf *out, Slice name, Slice lua);

/* --- tags (tag.c) --- */

typedef enum TagKind { /* from TAG_PLAIN on, the content is nothing special */
                       TAG_VOID,     /* no content, no end tag */
                       TAG_INPUT,    /* so is this, and it is a field */
                       TAG_RAW,      /* script, style: text as it stands */
                       TAG_PRE,      /* drops a first newline: pre, listing */
                       TAG_TEXTAREA, /* so does this, and it is a field */
                       TAG_SELECT,
                       TAG_PLAIN,
                       TAG_OPTION,
                       TAG_BUTTON,
                       TAG_FORM,
} TagKind;

typedef struct Tag {
  Slice name;
  Slice rest; /* ".card.wide#main" */
  Slice only; /* "card", when the rest is that one class */
  TagKind kind;
} Tag;

/* --- attribute names (names.c) --- */

typedef enum Meaning { /* attributes that are not simply written */
                       MEANS_ITSELF,
                       MEANS_CLASS,
                       MEANS_STYLE,
                       MEANS_EVENT,
                       MEANS_BIND,
                       MEANS_KEY,
                       MEANS_PRESERVE,
                       MEANS_BEHAVIOR,
} Meaning;

typedef struct Name {
  Slice written; /* data-x for data_x; of helpers, the key */
  uint8_t meaning;
  bool is_url;
  bool says_true_or_false;
  char room[28]; /* where a converted one stands, if it fits */
} Name;

/* What was found out about strings of this tree: a page uses few names often.
 * The strings stand on the stack (from CACHE_STACK on), so none is replaced by
 * another at its address. Never more than three quarters full, and nothing is
 * thrown out. */
#define CACHE_TAGS 16
#define CACHE_NAMES 32
#define CACHE_STACK 3

typedef struct Cache {
  const TString *tag_keys[CACHE_TAGS], *name_keys[CACHE_NAMES];
  size_t ntags, nnames;
  Tag tags[CACHE_TAGS];
  Name names[CACHE_NAMES];
} Cache;

/* --- one drawing --- */

typedef struct Step { /* an element that is being drawn, for paths */
  Slice tag;
  unsigned place;  /* among its parent's elements, from 1; 0 for the root */
  unsigned inside; /* elements begun in it so far */
} Step;

typedef struct IdSet { /* hashes of the ids that key made; open addressing */
  uint64_t *slots;
  size_t cap, n;
} IdSet;

typedef struct Render {
  lua_State *L;
  const HtmlContext *ctx;
  Buf *out;
  size_t start;   /* where this drawing began in `out` */
  HtmlPart *part; /* of the root element, or NULL */
  bool at_root;   /* the next element is the root */
  bool in_slot;   /* a callee draws: its errors carry their own path */
  int depth;      /* tables entered */
  int nsteps;
  Buf scratch; /* values of one start tag that had to be composed */
  Buf keys;    /* "7:3:" the keys of the elements around */
  IdSet ids;
  /* Looked up when the first table with a metatable is met. */
  const Table *raw, *list, *slot, *embed;
  bool has_metatables;
  int select; /* stack index of the value of the bound select around, or 0 */
  Cache cache;
  Step steps[MARKUP_DEPTH_MAX + 2];
} Render;

/* What a table is by its metatable. */
typedef enum Special {
  SPECIAL_NONE,
  SPECIAL_RAW,
  SPECIAL_LIST,
  SPECIAL_SLOT,
  SPECIAL_EMBED,
  SPECIAL_TEXT, /* has __tostring */
} Special;

Special render_special(Render *r, const Table *t);

/* --- one start tag (attrs.c) --- */

typedef enum AttrKind {
  ATTR_BARE,    /* the name alone */
  ATTR_VALUE,   /* what Lua gave */
  ATTR_LUA,     /* text inside a Lua string, to be escaped */
  ATTR_SLICE,   /* other text that stays put */
  ATTR_SCRATCH, /* text in r->scratch */
} AttrKind;

typedef struct Attr {
  Slice name;         /* as written */
  const TString *key; /* as given, or NULL for one of ours */
  uint8_t kind;       /* AttrKind */
  uint8_t source;     /* which table gave it: 0 the element, then its bundles */
  bool is_url, says_true_or_false; /* of a value from Lua: as in its Name */
  union {
    TValue value;
    Slice text;
    struct {
      size_t at, len;
    } scratch;
  } u;
} Attr;

typedef struct Helper { /* one of those, as it was given */
  Meaning meaning;
  const TString *key;
  TValue value;
} Helper;

typedef struct Attrs {
  const Tag *tag;
  bool is_root;
  bool is_anchored;     /* all that was given stands on the stack */
  bool has_plain_class; /* in `list`, as it was given */
  uint8_t source; /* tables of attributes seen, besides the element itself */
  int field;      /* stack index of the bound field's value, or 0 */
  size_t loose;   /* integer keys in the hash part of the element */
  size_t n, nhelpers, names_len;
  uint8_t order[MARKUP_ATTRS_MAX]; /* of `list`, by name */
  Attr list[MARKUP_ATTRS_MAX];
  Helper helpers[MARKUP_ATTRS_MAX];
  char names[MARKUP_ATTR_BYTES_MAX];
  Name spare; /* of a name that is not in the cache */
} Attrs;

/* What the children must know of the start tag. */
typedef struct StartTag {
  int field;    /* stack index of the bound field's value, or 0 */
  size_t loose; /* integer keys in the element's hash part */
} StartTag;

/* Writes `<tag ...>`; pushes what must stay put until the element is drawn. `t`
 * is the element, or NULL for the div that wraps `wrapped`. */
StartTag attrs_write(Render *r, const Tag *tag, Table *t, const TValue *wrapped,
                     bool is_root);

/* Adds an attribute of ours in its place. One of this name that is there
 * already is an error (ATTRS_NEW), left as it is (ATTRS_KEEP), or overwritten.
 */
typedef enum AttrsMode { ATTRS_NEW, ATTRS_KEEP, ATTRS_OVERWRITE } AttrsMode;
void attrs_add_value(Render *r, Attrs *a, AttrsMode mode, Slice name,
                     const TValue *v);
void attrs_add_text(Render *r, Attrs *a, AttrsMode mode, Slice name,
                    Slice text);
void attrs_add_bare(Render *r, Attrs *a, AttrsMode mode, Slice name);
/* What was appended to r->scratch since `at` is the value. */
void attrs_add_scratch(Render *r, Attrs *a, AttrsMode mode, Slice name,
                       size_t at);
/* What Lua gave for this name, or NULL. */
const TValue *attrs_find(const Attrs *a, const char *name);
/* Memory for a name that is composed, valid as long as `a`. */
char *attrs_name_room(Render *r, Attrs *a, size_t len);
/* `prefix` and the name as it is written: for_ -> for, data_x -> data-x. Raises
 * when that is no name. */
Slice attrs_name(Render *r, Attrs *a, const char *prefix, Slice key);
/* What is known of the name `key`; `name_add` finds out, for place `i` of the
 * cache. The answer is valid until the next call. */
const Name *name_add(Render *r, Attrs *a, const TString *key, size_t i);
static inline const Name *name_of(Render *r, Attrs *a, const TString *key) {
  const Cache *c = &r->cache;
  size_t i = ((uintptr_t)key >> 4) % CACHE_NAMES;
  for (; c->name_keys[i]; i = (i + 1) % CACHE_NAMES)
    if (c->name_keys[i] == key) return &c->names[i];
  return name_add(r, a, key, i);
}
/* To be called before anything that can run Lua code. */
void attrs_anchor(Render *r, Attrs *a);
/* What was appended since `at`. */
static inline Slice since(const Buf *b, size_t at) {
  return b->len > at ? slice(b->ptr + at, b->len - at) : SLICE("");
}
/* Appends the text of a string, number or boolean; false for any other value.
 */
bool value_text(const TValue *v, Buf *out);

/* --- helpers (events.c, fields.c, words.c) --- */

/* `key` is the whole "on_click". */
void events_expand(Render *r, Attrs *a, Slice key, const TValue *value);
void fields_bind(Render *r, Attrs *a, const TValue *value);
/* Is this option of a bound select the chosen one? */
void fields_option(Render *r, Attrs *a, Table *t);
void fields_key(Render *r, Attrs *a, const TValue *value);
void fields_behavior(Render *r, Attrs *a, const TValue *value);
void words_class(Render *r, Attrs *a);
void words_style(Render *r, Attrs *a, const TValue *value);

/* `text` stands on the stack; the answer may be in `spare`. */
const Tag *tag_parse(Render *r, TString *text, Tag *spare);
/* Calls for each ".class" of a tag's rest; `*id` is its "#id", or empty. */
bool tag_next_class(Slice *rest, Slice *name, Slice *id);

/* --- a table's items: every integer key in order (items.c) --- */

typedef struct Items {
  Table *t;
  lua_Integer next; /* the key to look at */
  const lua_Integer
      *keys;   /* of the hash part, when they have holes; on the stack */
  size_t left; /* items of the hash part not yet given */
} Items;

/* `loose` is what items_check said. Pushes at most one value. */
void items_start(Items *it, lua_State *L, Table *t, lua_Integer first,
                 size_t loose);
/* The next item and its key, or NULL. Falsy ones are left out. */
const TValue *items_next(Items *it, lua_Integer *key);

/* The keys a table's hash part holds; raises on one that markup cannot have. */
typedef struct Keys {
  size_t loose;          /* integers */
  const TString *string; /* one of the strings, or NULL */
} Keys;
Keys items_check(Render *r, Table *t);

/* --- errors (trouble.c) --- */

_Noreturn void trouble(Render *r, const char *fmt, ...);
/* At most 60 bytes of it, for a message, pushed on the Lua stack. */
const char *shown(Render *r, Slice s);
/* "todo/list: div > ul[2]: ", cut in the middle when it is long. */
void trouble_path(const Render *r, char *out, size_t size);

#endif
