/* A tag as it is written, taken apart: "div.card.wide#main". */
#include "html/draw.h"

#define LETTER 1u /* may begin a name */
#define NAME 2u   /* may follow */
#define WORD 4u   /* may be in a class or id */

#define L_ (LETTER | NAME | WORD)
#define N_ (NAME | WORD)
static const uint8_t classes[256] = {
  ['a' ... 'z'] = L_,   ['A' ... 'Z'] = L_,   ['0' ... '9'] = N_,
  ['-'] = N_,           [':'] = N_,           ['_'] = N_,
  ['!'] = WORD,         ['$' ... '%'] = WORD, ['(' ... ','] = WORD,
  ['/'] = WORD,         [';'] = WORD,         ['?' ... '@'] = WORD,
  ['[' ... '^'] = WORD, ['{' ... '~'] = WORD, [0x80 ... 0xFF] = WORD,
};
#undef L_
#undef N_

/* Tags that are drawn in their own way, as numbers of their lower-case letters.
 */
#define P1(a) ((uint64_t)(a))
#define P2(a, b) (P1(a) << 8 | (b))
#define P3(a, b, c) (P2(a, b) << 8 | (c))
#define P4(a, b, c, d) (P3(a, b, c) << 8 | (d))
#define P5(a, b, c, d, e) (P4(a, b, c, d) << 8 | (e))
#define P6(a, b, c, d, e, f) (P5(a, b, c, d, e) << 8 | (f))
#define P7(a, b, c, d, e, f, g) (P1(a) << 48 | P6(b, c, d, e, f, g))
#define P8(a, b, c, d, e, f, g, h) (P2(a, b) << 48 | P6(c, d, e, f, g, h))

static TagKind kind_of(uint64_t letters) {
  switch (letters) {
  case P4('a', 'r', 'e', 'a'):
  case P4('b', 'a', 's', 'e'):
  case P2('b', 'r'):
  case P3('c', 'o', 'l'):
  case P5('e', 'm', 'b', 'e', 'd'):
  case P2('h', 'r'):
  case P3('i', 'm', 'g'):
  case P4('l', 'i', 'n', 'k'):
  case P4('m', 'e', 't', 'a'):
  case P5('p', 'a', 'r', 'a', 'm'):
  case P6('s', 'o', 'u', 'r', 'c', 'e'):
  case P5('t', 'r', 'a', 'c', 'k'):
  case P3('w', 'b', 'r'): return TAG_VOID;
  case P5('i', 'n', 'p', 'u', 't'): return TAG_INPUT;
  case P6('s', 'c', 'r', 'i', 'p', 't'):
  case P5('s', 't', 'y', 'l', 'e'): return TAG_RAW;
  case P3('p', 'r', 'e'):
  case P7('l', 'i', 's', 't', 'i', 'n', 'g'): return TAG_PRE;
  case P8('t', 'e', 'x', 't', 'a', 'r', 'e', 'a'): return TAG_TEXTAREA;
  case P6('s', 'e', 'l', 'e', 'c', 't'): return TAG_SELECT;
  case P6('o', 'p', 't', 'i', 'o', 'n'): return TAG_OPTION;
  case P6('b', 'u', 't', 't', 'o', 'n'): return TAG_BUTTON;
  case P4('f', 'o', 'r', 'm'): return TAG_FORM;
  default: return TAG_PLAIN;
  }
}

bool tag_next_class(Slice *rest, Slice *name, Slice *id) {
  while (rest->len) {
    char mark = rest->ptr[0];
    size_t n = 1;
    while (n < rest->len && rest->ptr[n] != '.' && rest->ptr[n] != '#') n++;
    Slice word = slice(rest->ptr + 1, n - 1);
    *rest = slice(rest->ptr + n, rest->len - n);
    if (mark == '#') {
      *id = word;
    } else {
      *name = word;
      return true;
    }
  }
  return false;
}

_Noreturn static void bad_tag(Render *r, Slice text) {
  bool no_name = text.len && (text.ptr[0] == '.' || text.ptr[0] == '#');
  trouble(r, "tag \"%s\" is not valid (%s)", shown(r, text),
          no_name ? "it begins with the element's name, as in \"div.card\""
                  : "a list of texts is written {\"\", ...} or s.list{...}");
}

static void parse(Render *r, Slice text, Tag *tag) {
  const uint8_t *p = (const uint8_t *)text.ptr, *end = p + text.len;
  if (p == end || !(classes[*p] & LETTER)) bad_tag(r, text);
  uint64_t letters = 0;
  while (p < end && classes[*p] & NAME) letters = letters << 8 | (*p++ | 0x20);
  size_t n = (size_t)(p - (const uint8_t *)text.ptr);
  tag->name = slice(text.ptr, n);
  tag->rest = slice(text.ptr + n, text.len - n);
  tag->only = SLICE("");
  tag->kind = n <= 8 ? kind_of(letters) : TAG_PLAIN;
  while (p < end) {
    if (*p != '.' && *p != '#') bad_tag(r, text);
    const uint8_t *word = ++p;
    while (p < end && classes[*p] & WORD) p++;
    if (p == word) bad_tag(r, text);
    if (p == end && word[-1] == '.' &&
        word == (const uint8_t *)tag->rest.ptr + 1)
      tag->only = slice(tag->rest.ptr + 1, tag->rest.len - 1);
  }
}

const Tag *tag_parse(Render *r, TString *text, Tag *spare) {
  Cache *c = &r->cache;
  size_t i = ((uintptr_t)text >> 4) % CACHE_TAGS;
  for (; c->tag_keys[i]; i = (i + 1) % CACHE_TAGS)
    if (c->tag_keys[i] == text) return &c->tags[i];
  parse(r, string_slice(text), spare);
  if (c->ntags < CACHE_TAGS / 4 * 3) {
    setsvalue2s(r->L, r->L->ci->func.p + CACHE_STACK + i, text);
    c->tag_keys[i] = text;
    c->tags[i] = *spare;
    c->ntags++;
  }
  return spare;
}
