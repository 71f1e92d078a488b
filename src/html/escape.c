/* Escaping: eight bytes at a time while nothing in them needs a look.
 *
 * Each input byte becomes at most ESCAPED_MAX bytes, so a piece of the input
 * needs one reservation; near a Buf's limit a small copy keeps that limit
 * exact. What is not UTF-8 becomes U+FFFD, one for each maximal wrong part, as
 * browsers decode it. */
#include "html/draw.h"

#define ESCAPED_MAX 6 /* &quot; */
#define PIECE 2048    /* input bytes for one reservation */
#define SPARE 8       /* a piece may write eight bytes where it counts fewer */

typedef struct Escape {
  uint8_t len; /* 0: the byte stands for itself */
  char text[7];
} Escape;

/* NUL and CR cannot be written plainly: the one is no character of HTML, the
 * other would become LF on its way through a parser or an event stream. */
#define ESCAPES_BOTH                                                    \
  [0] = { 3, "\xEF\xBF\xBD" }, ['\r'] = { 5, "&#13;" },                 \
  ['&'] = { 5, "&amp;" }, ['<'] = { 4, "&lt;" }, ['>'] = { 4, "&gt;" }, \
  ['"'] = { 6, "&quot;" }

static const Escape in_text[128] = { ESCAPES_BOTH, ['\''] = { 5, "&#39;" } };
static const Escape in_attribute[128] = { ESCAPES_BOTH };

#define EACH(byte) (0x0101010101010101u * (uint64_t)(byte))
#define HIGH EACH(0x80)

/* Is any of the eight bytes a control, beyond ASCII, or one of & < > " ' (or #,
 * which costs a second look)? */
static inline bool needs_a_look(uint64_t w) {
  uint64_t quotes = (w ^ EACH(0x22)) & EACH(0xFA); /* " # & ' */
  uint64_t angles = (w ^ EACH(0x3C)) & EACH(0xFD); /* < > */
  uint64_t zero = ((quotes - EACH(1)) & ~quotes) |
                  ((angles - EACH(1)) & ~angles);
  uint64_t control = (w - EACH(0x20)) & ~w;
  return ((zero | control | w) & HIGH) != 0;
}

/* How many bytes from `ptr` on go together: a whole character (`*ok`), or a
 * wrong sequence as far as it could have become one (Unicode 3.9, maximal
 * subpart). */
static inline size_t take(const char *ptr, const char *end, bool *ok) {
  const uint8_t *s = (const uint8_t *)ptr;
  size_t left = (size_t)(end - ptr);
  uint8_t b = s[0];
  size_t n = b < 0x80               ? 1
             : b < 0xC2 || b > 0xF4 ? 0
             : b < 0xE0             ? 2
             : b < 0xF0             ? 3
                                    : 4;
  *ok = n == 1;
  if (n < 2) return 1;
  /* The second byte rules out long forms, surrogates and what is past U+10FFFF.
   */
  uint8_t low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
  uint8_t high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
  size_t i = 1;
  if (i < left && s[1] >= low && s[1] <= high)
    for (i = 2; i < n && i < left && (s[i] & 0xC0) == 0x80;) i++;
  *ok = i == n;
  return i;
}

bool html_is_utf8(Slice s) {
  const char *p = s.ptr, *end = s.ptr + s.len;
  while (p < end) {
    uint64_t w;
    while (end - p >= 8 && (memcpy(&w, p, 8), (w & HIGH) == 0)) p += 8;
    if (p == end) break;
    bool ok;
    p += take(p, end, &ok);
    if (!ok) return false;
  }
  return true;
}

/* Escapes what begins before `stop` and returns where it ended: a sequence may
 * reach past `stop`, never past `end`. `*out` is moved on. */
static inline const char *escape_piece(char **out, const char *p,
                                       const char *stop, const char *end,
                                       const Escape *table) {
  char *o = *out;
  while (p < stop) {
    uint64_t w;
    if (stop - p >= 8) {
      memcpy(&w, p, 8);
      if (!needs_a_look(w)) {
        memcpy(o, &w, 8);
        p += 8;
        o += 8;
        continue;
      }
    }
    const char *look = stop - p >= 8 ? p + 8 : stop;
    while (p < look) {
      uint8_t b = (uint8_t)*p;
      if (b < 0x80) {
        const Escape *e = &table[b];
        if (!e->len) {
          *o++ = *p++;
          continue;
        }
        memcpy(o, e->text, sizeof e->text);
        o += e->len;
        p++;
        continue;
      }
      bool ok;
      size_t n = take(p, end, &ok);
      const char *from = ok ? p : "\xEF\xBF\xBD";
      for (size_t i = 0, len = ok ? n : 3; i < len; i++) *o++ = from[i];
      p += n;
    }
  }
  *out = o;
  return p;
}

/* Where a whole piece might not fit the Buf's limit although what it becomes
 * does. */
static void escape_tight(Buf *out, Slice s, const Escape *table) {
  const char *p = s.ptr, *end = s.ptr + s.len;
  while (p < end && !out->err) {
    char small[16 * ESCAPED_MAX + SPARE];
    char *o = small;
    p = escape_piece(&o, p, end - p > 16 ? p + 16 : end, end, table);
    buf_put(out, small, (size_t)(o - small));
  }
}

static inline void escape(Buf *out, Slice s, const Escape *table) {
  const char *p = s.ptr, *end = s.ptr + s.len;
  while (p < end) {
    const char *stop = end - p > PIECE ? p + PIECE : end;
    size_t room = (size_t)(stop - p) * ESCAPED_MAX + SPARE;
    if (out->max && out->len + room > out->max) {
      escape_tight(out, slice(p, (size_t)(end - p)), table);
      return;
    }
    char *o = room <= out->cap - out->len && !out->err ? out->ptr + out->len
                                                       : buf_reserve(out, room);
    if (!o) return;
    p = escape_piece(&o, p, stop, end, table);
    out->len = (size_t)(o - out->ptr);
  }
}

void html_text(Buf *out, Slice s) { escape(out, s, in_text); }

void html_attribute(Buf *out, Slice s) { escape(out, s, in_attribute); }

/* Copies while all is clean: eight bytes looked at, eight copied, the last few
 * read as the end of the eight before `end`. Returns what is left for `escape`;
 * `*out` has room for SPARE more than `s`. */
static inline Slice copy_clean(char **out, Slice s) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  char *o = *out;
  uint64_t w;
  while (s.len >= 8) {
    memcpy(&w, s.ptr, 8);
    if (needs_a_look(w)) break;
    memcpy(o, &w, 8);
    s = slice(s.ptr + 8, s.len - 8);
    o += 8;
  }
  if (s.len > 0 && s.len < 8) {
    memcpy(&w, s.ptr + s.len - 8, 8);
    w = w >> (64 - 8 * s.len) | EACH(' ') << (8 * s.len);
    if (!needs_a_look(w)) {
      memcpy(o, &w, 8);
      o += s.len;
      s.len = 0;
    }
  }
  *out = o;
#endif
  return s;
}

void escape_text(Buf *out, Slice lua) {
  char *o = room(out, lua.len + SPARE);
  if (o) {
    lua = copy_clean(&o, lua);
    out->len = (size_t)(o - out->ptr);
  }
  if (lua.len) escape(out, lua, in_text);
}

void escape_pair(Buf *out, Slice name, Slice lua) {
  char *o = room(out, name.len + lua.len + 4 + SPARE);
  if (!o) {
    buf_byte(out, ' ');
    buf_slice(out, name);
    buf_lit(out, "=\"");
    escape(out, lua, in_attribute);
    buf_byte(out, '"');
    return;
  }
  *o++ = ' ';
  o = copy_name(o, name);
  *o++ = '=';
  *o++ = '"';
  lua = copy_clean(&o, lua);
  if (lua.len) {
    out->len = (size_t)(o - out->ptr);
    escape(out, lua, in_attribute);
    buf_byte(out, '"');
  } else {
    *o++ = '"';
    out->len = (size_t)(o - out->ptr);
  }
}

/* The unreserved characters of RFC 3986. */
static bool is_unreserved(char c) {
  return char_is_word(c) || c == '-' || c == '.' || c == '~';
}

void html_url_component(Buf *out, Slice s) {
  static const char hex[] = "0123456789ABCDEF";
  const char *p = s.ptr, *end = s.ptr + s.len;
  while (p < end) {
    const char *from = p;
    while (p < end && is_unreserved(*p)) p++;
    buf_put(out, from, (size_t)(p - from));
    if (p == end) break;
    uint8_t b = (uint8_t)*p++;
    char code[3] = { '%', hex[b >> 4], hex[b & 15] };
    buf_put(out, code, 3);
  }
}

void html_js_string(Buf *out, Slice s) {
  const char *p = s.ptr, *end = s.ptr + s.len;
  const char *from = p;
  buf_byte(out, '\'');
  for (; p < end; p++) {
    const char *text;
    size_t skip = 1;
    switch (*p) {
    case '\\': text = "\\\\"; break;
    case '\'': text = "\\'"; break;
    case '\n': text = "\\n"; break;
    case '\r': text = "\\r"; break;
    case '\xE2': /* U+2028 and U+2029 end a line in older JavaScript */
      if (end - p < 3 || p[1] != '\x80' || (p[2] != '\xA8' && p[2] != '\xA9'))
        continue;
      text = p[2] == '\xA8' ? "\\u2028" : "\\u2029";
      skip = 3;
      break;
    default: continue;
    }
    buf_put(out, from, (size_t)(p - from));
    buf_puts(out, text);
    p += skip - 1;
    from = p + 1;
  }
  buf_put(out, from, (size_t)(p - from));
  buf_byte(out, '\'');
}

static bool starts_nocase(const char *p, const char *end, const char *word) {
  for (; *word; word++, p++)
    if (p == end || (*p | 0x20) != *word) return false;
  return true;
}

/* A copy in which what is not UTF-8 is replaced. */
static void put_utf8(Buf *out, Slice s) {
  const char *p = s.ptr, *end = s.ptr + s.len;
  while (p < end) {
    bool ok;
    size_t n = take(p, end, &ok);
    if (ok)
      buf_put(out, p, n);
    else
      buf_lit(out, "\xEF\xBF\xBD");
    p += n;
  }
}

void html_raw_text(Buf *out, Slice s) {
  if (!html_is_utf8(s)) {
    Buf fixed = { 0 };
    put_utf8(&fixed, s);
    html_raw_text(out, buf_view(&fixed));
    buf_free(&fixed);
    return;
  }
  const char *p = s.ptr, *end = s.ptr + s.len, *from = p;
  while ((p = p < end ? memchr(p, '<', (size_t)(end - p)) : NULL)) {
    p++;
    bool closes = p < end && *p == '/' &&
                  (starts_nocase(p + 1, end, "script") ||
                   starts_nocase(p + 1, end, "style"));
    bool comments = end - p >= 3 && memcmp(p, "!--", 3) == 0;
    if (!closes && !comments) continue;
    buf_put(out, from, (size_t)(p - from));
    buf_byte(out,
             '\\'); /* `<\/script`, `<\!--`: the same in a string and in CSS */
    from = p;
  }
  buf_put(out, from, (size_t)(end - from));
}
