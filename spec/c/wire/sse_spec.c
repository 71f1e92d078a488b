/* Framed events, byte for byte, and the conformance cases of Datastar's SDKs.
 */
#include "wire/sse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <jansson.h>

#define NO_HEAD ((SseHead){ 0 })

static void is(Buf *out, const char *expected) {
  buf_byte(out, '\0');
  assert_false(out->err);
  assert_string_equal(out->ptr, expected);
  buf_free(out);
}

static void test_fields(void **s) {
  (void)s;
  Buf out = { 0 };
  sse_elements(&out, (SseHead){ .id = SLICE("17.2"), .retry_ms = 2000 },
               &(SseElements){ .html = SLICE("<b>\n</b>"),
                               .selector = SLICE("#root"),
                               .mode = SSE_INNER,
                               .ns = SSE_SVG,
                               .use_view_transition = true });
  is(&out,
     "event: datastar-patch-elements\nid: 17.2\nretry: 2000\ndata: mode inner\n"
     "data: selector #root\ndata: useViewTransition true\ndata: namespace svg\n"
     "data: elements <b>\ndata: elements </b>\n\n");
  sse_signals(&out, (SseHead){ .id = SLICE("17.3") }, SLICE("{\"draft\":\"\"}"),
              true);
  is(&out, "event: datastar-patch-signals\nid: 17.3\ndata: onlyIfMissing true\n"
           "data: signals {\"draft\":\"\"}\n\n");
}

static void test_defaults(void **s) {
  (void)s;
  Buf out = { 0 };
  sse_elements(&out, (SseHead){ .retry_ms = 1000 },
               &(SseElements){ .html = SLICE("<b>"), .mode = SSE_OUTER });
  is(&out, "event: datastar-patch-elements\ndata: elements <b>\n\n");
  sse_elements(&out, NO_HEAD,
               &(SseElements){ .selector = SLICE("#a"), .mode = SSE_REMOVE });
  is(&out, "event: datastar-patch-elements\ndata: mode remove\ndata: selector "
           "#a\n\n");
}

static void test_lines(void **s) {
  (void)s;
  Buf out = { 0 };
  sse_elements(&out, NO_HEAD,
               &(SseElements){ .html = SLICE("a\n\nb\r\nc\rd\n") });
  is(&out, "event: datastar-patch-elements\ndata: elements a\ndata: elements \n"
           "data: elements b\ndata: elements c\ndata: elements d\ndata: "
           "elements \n\n");
}

static void test_no_injection(void **s) {
  (void)s;
  Buf out = { 0 };
  sse_elements(&out, (SseHead){ .id = SLICE("1\ndata: x") },
               &(SseElements){ .selector = SLICE("#a\r\n\ndata: elements <i>"),
                               .mode = SSE_REMOVE });
  is(&out, "event: datastar-patch-elements\nid: 1 data: x\ndata: mode remove\n"
           "data: selector #a   data: elements <i>\n\n");
}

static void test_script(void **s) {
  (void)s;
  Buf out = { 0 };
  sse_script(&out, NO_HEAD, &(SseScript){ .js = SLICE("x('</script>')\ny()") });
  is(&out,
     "event: datastar-patch-elements\ndata: mode append\ndata: selector body\n"
     "data: elements <script data-effect=\"el.remove()\">x('<\\/script>')\n"
     "data: elements y()</script>\n\n");
  SseAttribute attributes[] = { { SLICE("nonce"), SLICE("a\"b") } };
  sse_script(&out, NO_HEAD,
             &(SseScript){ .js = SLICE("x()"),
                           .stays = true,
                           .attributes = attributes,
                           .nattributes = 1 });
  is(&out,
     "event: datastar-patch-elements\ndata: mode append\ndata: selector body\n"
     "data: elements <script nonce=\"a&quot;b\">x()</script>\n\n");
}

static void test_own_events(void **s) {
  (void)s;
  Buf out = { 0 };
  sse_event(&out, NO_HEAD, SLICE("stube-close"), SLICE("ended"));
  sse_comment(&out, SLICE("still here"));
  is(&out, "event: stube-close\ndata: ended\n\n: still here\n\n");
}

static void test_modes(void **s) {
  (void)s;
  SseMode mode;
  assert_true(sse_mode(SLICE("append"), &mode));
  assert_int_equal(mode, SSE_APPEND);
  assert_false(sse_mode(SLICE("Append"), &mode));
  assert_false(sse_mode(SLICE(""), &mode));
}

static void test_full(void **s) {
  (void)s;
  Buf out = { .max = 20 };
  sse_elements(&out, NO_HEAD, &(SseElements){ .html = SLICE("<b>") });
  assert_int_equal(buf_status(&out), ERR_TOO_BIG);
  buf_free(&out);
}

/* --- Datastar's own cases --- */

static Slice text_of(const json_t *o, const char *key) {
  const char *s = json_string_value(json_object_get(o, key));
  return s ? slice_str(s) : SLICE("");
}

static void write_event(Buf *out, json_t *o) {
  Slice type = text_of(o, "type");
  SseHead head = { text_of(o, "eventId"),
                   (uint32_t)json_integer_value(
                       json_object_get(o, "retryDuration")) };
  if (slice_is(type, "patchElements")) {
    SseElements e = { .html = text_of(o, "elements"),
                      .selector = text_of(o, "selector") };
    Slice mode = text_of(o, "mode");
    if (mode.len) assert_true(sse_mode(mode, &e.mode));
    e.use_view_transition = json_is_true(
        json_object_get(o, "useViewTransition"));
    sse_elements(out, head, &e);
  } else if (slice_is(type, "patchSignals")) {
    json_t *signals = json_object_get(o, "signals");
    char *json = signals ? json_dumps(signals, JSON_COMPACT) : NULL;
    sse_signals(out, head, json ? slice_str(json) : text_of(o, "signals-raw"),
                json_is_true(json_object_get(o, "onlyIfMissing")));
    free(json);
  } else {
    SseAttribute attributes[8];
    size_t n = 0;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(o, "attributes"), name, value)
        attributes[n++] = (SseAttribute){ slice_str(name),
                                          slice_str(json_string_value(value)) };
    assert_true(slice_is(type, "executeScript"));
    sse_script(
        out, head,
        &(SseScript){ .js = text_of(o, "script"),
                      .stays = json_is_false(json_object_get(o, "autoRemove")),
                      .attributes = attributes,
                      .nattributes = n });
  }
}

/* The data lines of one event grouped by their key, in the order of the keys;
 * all other lines stay. Blank lines at the end do not count. */
static void normalise(Slice in, Buf *out) {
  static const char *const keys[] = {
    "data: selector ",  "data: mode ",          "data: useViewTransition ",
    "data: namespace ", "data: onlyIfMissing ", "data: elements ",
    "data: signals "
  };
  while (in.len && in.ptr[in.len - 1] == '\n') in.len--;
  while (in.len) {
    const char *end = memmem(in.ptr, in.len, "\n\n", 2);
    Slice event = slice(in.ptr, end ? (size_t)(end - in.ptr) : in.len);
    in = end ? slice(end + 2, in.len - event.len - 2) : slice(in.ptr, 0);
    for (size_t k = 0; k <= countof(keys); k++) {
      Slice rest = event;
      while (rest.len) {
        const char *lf = memchr(rest.ptr, '\n', rest.len);
        Slice line = slice(rest.ptr, lf ? (size_t)(lf - rest.ptr) : rest.len);
        rest = lf ? slice(lf + 1, rest.len - line.len - 1) : slice(rest.ptr, 0);
        bool is_data = slice_starts(line, SLICE("data: "));
        if (k == 0 ? is_data : !slice_starts(line, slice_str(keys[k - 1])))
          continue;
        buf_slice(out, line);
        buf_byte(out, '\n');
      }
    }
    buf_byte(out, '\n');
  }
  buf_byte(out, '\0');
}

static Buf read_file(const char *path) {
  Buf b = { 0 };
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("cannot open %s", path);
  char piece[4096];
  size_t n;
  while ((n = fread(piece, 1, sizeof piece, f)) > 0) buf_put(&b, piece, n);
  fclose(f);
  return b;
}

static void run_case(const char *dir) {
  char path[2048];
  snprintf(path, sizeof path, "%s/input.json", dir);
  json_t *input = json_load_file(path, 0, NULL);
  if (!input) fail_msg("cannot read %s", path);
  snprintf(path, sizeof path, "%s/output.txt", dir);
  Buf expected = read_file(path), out = { 0 }, a = { 0 }, b = { 0 };
  size_t i;
  json_t *event;
  json_array_foreach(json_object_get(input, "events"), i, event)
      write_event(&out, event);
  normalise(buf_view(&out), &a);
  normalise(buf_view(&expected), &b);
  if (strcmp(a.ptr, b.ptr) != 0)
    fail_msg("%s\n--- is\n%s--- not\n%s", dir, a.ptr, b.ptr);
  json_decref(input);
  buf_free(&expected);
  buf_free(&out);
  buf_free(&a);
  buf_free(&b);
}

static void test_golden(void **s) {
  (void)s;
  const char *root = getenv("STUBE_GOLDEN");
  if (!root) root = "../shared/data/datastar-golden";
  static const char *const kinds[] = { "get", "post" };
  int cases = 0;
  for (size_t k = 0; k < countof(kinds); k++) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", root, kinds[k]);
    DIR *dir = opendir(path);
    if (!dir) continue;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
      if (entry->d_name[0] == '.') continue;
      char one[1024];
      snprintf(one, sizeof one, "%s/%s", path, entry->d_name);
      run_case(one);
      cases++;
    }
    closedir(dir);
  }
  if (!cases) {
    print_message("no Datastar cases at %s: set STUBE_GOLDEN to their folder\n",
                  root);
    skip();
  }
  print_message("%d cases\n", cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
    { "writes the fields in their fixed order", test_fields, 0, 0, 0 },
    { "leaves defaults out", test_defaults, 0, 0, 0 },
    { "gives each line its own data line, whatever ends it", test_lines, 0, 0,
      0 },
    { "lets no field begin another", test_no_injection, 0, 0, 0 },
    { "writes scripts that remove themselves and cannot end early", test_script,
      0, 0, 0 },
    { "writes events of our own and comments", test_own_events, 0, 0, 0 },
    { "knows the modes by their exact names", test_modes, 0, 0, 0 },
    { "fails with its buffer", test_full, 0, 0, 0 },
    { "writes what Datastar's SDKs write", test_golden, 0, 0, 0 },
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
