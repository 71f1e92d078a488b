/* Where requests meet the app: what it sees of them, what goes with the
 * conversation, and what becomes of its failures. */
#include "host/served.h"

#include <sys/stat.h>

#define APP "spec/c/host/boundary.lua"
#define HTML "Accept: text/html\r\n"

static const char *body(const Client *c) {
  const char *at = strstr(c->reply.ptr, "\r\n\r\n");
  return at ? at : c->reply.ptr;
}

static void shows(Client *c, const char *text) {
  claim(c, strstr(c->reply.ptr, text) != NULL, "no \"%s\" in: %.1500s", text,
        body(c));
}

static void hides(Client *c, const char *text) {
  claim(c, strstr(c->reply.ptr, text) == NULL, "\"%s\" in: %.1500s", text,
        body(c));
}

static int get(Client *c, const char *path, const char *headers) {
  return ask(c, "GET", path, headers, (Slice){ 0 });
}

/* --- what the app sees --- */

static void requests(Client *c) {
  visit(c, "/protected"); /* for a cookie of ours */
  strcat(c->cookie, "; a=1; b=\"2\"; a=3");
  EXPECT(c, 200,
         get(c, "/dump/J%C3%BCrgen?q=a+b&q=c&empty=",
             "X-One: 1\r\nX-One: 2\r\nAccept: */*\r\n"));
  shows(c, ">body=;cookies={a=1;b=2};"
           "headers={accept=*/*;connection=close;host=x;x-one=1, 2};"
           "ip=127.0.0.1;method=GET;params={name=J\xc3\xbcrgen};"
           "path=/dump/J\xc3\xbcrgen;query={empty=;q={1=a b;2=c}}</p>");
  hides(c, "stube_sid");
  c->cookie[0] = '\0';
  EXPECT(c, 400, get(c, "/dump/x?q=%zz", ""));
  /* Nobody said that there is a proxy. */
  EXPECT(c, 200, get(c, "/dump/x", "X-Forwarded-For: 9.9.9.9\r\n"));
  shows(c, "ip=127.0.0.1;");
}

static void behind_a_proxy(Client *c) {
  EXPECT(c, 200, get(c, "/dump/x", "X-Forwarded-For: 1.1.1.1, 9.9.9.9\r\n"));
  shows(c, "ip=9.9.9.9;");
  EXPECT(c, 200, get(c, "/dump/x", ""));
  shows(c, "ip=127.0.0.1;");
}

static void under_a_path(Client *c) {
  EXPECT(c, 404, get(c, "/dump/x", ""));
  EXPECT(c, 200, get(c, "/app/dump/x", ""));
  shows(c, "path=/dump/x;");
}

/* --- what goes with the conversation --- */

static void principals(Client *c) {
  visit(c, "/protected");
  shows(c, "signed-in users only");
  claim(c, c->n_urls == 0, "a stranger has a button");
  visit(c, "/protected?user=ada");
  shows(c, "Signed in as ada at x.");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  char page[256];
  snprintf(page, sizeof page, "%.*s",
           (int)(strstr(c->url[0], "/ix-1") - c->url[0]), c->url[0]);
  EXPECT(c, 200, get(c, page, ""));
  shows(c, ">1</output>");
  shows(c, "Signed in as ada at x.");

  Client other = { .port = c->port };
  visit(&other, "/protected?user=eve");
  EXPECT(&other, 403, post(&other, c->url[0], JSON OURS, SLICE("{}")));
  claim(c, !other.failure[0], "%.400s", other.failure);
  buf_free(&other.reply);
  EXPECT(c, 200, get(c, page, ""));
  shows(c, ">1</output>"); /* nothing has changed */
}

static Client kept;

static void leave_one(Client *c) {
  kept = (Client){ .port = c->port };
  visit(&kept, "/protected?user=ada");
  EXPECT(&kept, 204, post(&kept, kept.url[0], JSON OURS, SLICE("{}")));
  claim(c, !kept.failure[0], "%.400s", kept.failure);
}

static void find_it(Client *c) {
  kept.port = c->port;
  char page[256];
  snprintf(page, sizeof page, "%.*s",
           (int)(strstr(kept.url[0], "/ix-1") - kept.url[0]), kept.url[0]);
  EXPECT(&kept, 200, get(&kept, page, ""));
  shows(&kept, "Signed in as ada at x.");
  claim(c, !kept.failure[0], "%.400s", kept.failure);
  buf_free(&kept.reply);
}

/* --- failures --- */

static void failures(Client *c) {
  EXPECT(c, 500, get(c, "/args-throw", HTML));
  shows(c, "boundary.lua:46: no args today");
  shows(c, "a mount&#39;s args (/args-throw)");
  shows(c, "stack traceback:");
  shows(c, "Content-Security-Policy: ");
  hides(c, "Set-Cookie");
  EXPECT(c, 500, get(c, "/args-throw", "Accept: application/json\r\n"));
  shows(c, "\"message\":\"boundary.lua:46: no args today\"");
  EXPECT(c, 500, get(c, "/args-number", HTML));
  shows(c, "must return a table, not a number");
  EXPECT(c, 500, get(c, "/args-await", HTML));
  shows(c, "boundary.lua:49: await works inside a conversation only (in a "
           "handler, a hook or a flow), not in a mount&#39;s args");
  EXPECT(c, 500, get(c, "/args-answer", HTML));
  shows(c, "answer works inside a conversation only");
  EXPECT(c, 500, get(c, "/args-loop", HTML));
  shows(c, "took more than 250 ms of CPU time");
  EXPECT(c, 500, get(c, "/protected?bad_context=1", HTML));
  shows(c, "context.db is a function");
  EXPECT(c, 500, get(c, "/protected?wait_context=1", HTML));
  shows(c, "not in context");
  visit(c, "/protected?user=ada"); /* and it goes on */
}

static void failures_in_production(Client *c) {
  static const char *const paths[] = { "/args-throw", "/args-number",
                                       "/protected?bad_context=1" };
  for (size_t i = 0; i < countof(paths); i++) {
    EXPECT(c, 500, get(c, paths[i], HTML));
    shows(c, "the application failed");
    hides(c, "boundary.lua");
    hides(c, "context.db");
  }
}

/* --- routes --- */

#define PLAIN "Content-Type: text/plain\r\n"

static int put(Client *c, const char *path, const char *headers, Slice body) {
  return ask(c, "PUT", path, headers, body);
}

static void routes(Client *c) {
  EXPECT(c, 201, post(c, "/notes", JSON OURS, SLICE("{\"text\":\"one\"}")));
  shows(c, "location: /notes/1\r\n");
  EXPECT(c, 201,
         post(c, "/notes",
              "Content-Type: application/x-www-form-urlencoded\r\n",
              SLICE("text=t%20wo")));
  EXPECT(c, 201, post(c, "/notes", PLAIN, SLICE("three")));
  EXPECT(c, 204, put(c, "/notes/2", PLAIN, SLICE("2")));
  EXPECT(c, 200, get(c, "/notes", ""));
  shows(c, "[\"one\",\"2\",\"three\"]");
  shows(c, "Content-Type: application/json\r\n");
  shows(c, "Cache-Control: no-store\r\n");
  shows(c, "X-Content-Type-Options: nosniff\r\n");
  EXPECT(c, 400, post(c, "/notes", JSON, SLICE("{")));
  EXPECT(c, 405, ask(c, "DELETE", "/notes", "", (Slice){ 0 }));
  shows(c, "Allow: GET, HEAD, POST, OPTIONS\r\n");
  EXPECT(c, 200, ask(c, "HEAD", "/notes", "", (Slice){ 0 }));
  hides(c, "three");

  EXPECT(c, 200, get(c, "/page", HTML));
  shows(c, "<title>A page</title>");
  shows(c, "<h1>Hello &lt;you&gt;</h1>");
  shows(c, "Content-Security-Policy: default-src 'none'");
  shows(c, "/stube/ui.css");
  EXPECT(c, 200, get(c, "/document", ""));
  shows(c, "\r\n\r\n<!doctype html>\n<html><body>whole</body></html>");
  shows(c, "Content-Security-Policy: default-src 'none'");
  EXPECT(c, 200, get(c, "/feed", ""));
  shows(c, "content-type: application/atom+xml\r\n");
  shows(c, "\r\n\r\n<feed><title>A &amp; B</title></feed>");
  hides(c, "Content-Type: text/html");
  EXPECT(c, 200, get(c, "/cookies", ""));
  shows(c, "set-cookie: a=1\r\nset-cookie: b=2\r\nx-n: 3\r\n");
  shows(c, "cache-control: max-age=5\r\n");
  hides(c, "no-store");
  EXPECT(c, 301, get(c, "/old", ""));
  shows(c, "location: /page\r\n");
}

static void other_sites(Client *c) {
  static const char *const from[] = { "Sec-Fetch-Site: cross-site\r\n",
                                      "Sec-Fetch-Site: same-site\r\n",
                                      "Origin: http://evil\r\n",
                                      "Origin: null\r\n" };
  for (size_t i = 0; i < countof(from); i++) {
    EXPECT(c, 403, post(c, "/notes", from[i], SLICE("x")));
    EXPECT(c, 403, put(c, "/notes/1", from[i], SLICE("x")));
    EXPECT(c, 200, get(c, "/notes", from[i]));
    shows(c, "\r\n\r\n[]");
    EXPECT(c, 200, post(c, "/webhook", from[i], SLICE("x")));
  }
  EXPECT(c, 201, post(c, "/notes", "", SLICE("no browser")));
}

static void wrong_answers(Client *c) {
  static const struct {
    const char *name, *says;
  } wrong[] = {
    { "nothing", "it returned nothing: an answer is a table, such as "
                 "{ status = 204 }" },
    { "text", "it returned a string: an answer is a table" },
    { "number", "it returned a number" },
    { "status", "status must be a whole number from 200 to 599, not 99" },
    { "status_text", "status must be a whole number" },
    { "two", "it has both body and json" },
    { "unknown",
      "there is no option \\\"staus\\\"; did you mean \\\"status\\\"?" },
    { "json", "json.f: a function cannot be sent as JSON" },
    { "markup", "a function cannot be drawn" },
    { "event", "no event can be sent from here" },
    { "header", "a name or a value that cannot be sent" },
    { "header_name", "a name or a value that cannot be sent" },
    { "header_type",
      "the header \\\"x\\\" must be a string, or a list of them, "
      "not a boolean" },
    { "header_list", "not a table" },
    { "headers", "headers must be a table, not a number" },
    { "title", "title must be a string, not a number" },
    { "body", "body must be a string, not a number" },
    { "throw", "boundary.lua:" },
    { "throw_table", "table" },
    { "await", "await works inside a conversation only (in a handler, a hook "
               "or a flow), not in a route" },
    { "sleep", "sleep works inside a conversation only" },
    { "loop", "took more than 250 ms of CPU time" },
  };
  for (size_t i = 0; i < countof(wrong); i++) {
    char path[64];
    snprintf(path, sizeof path, "/wrong/%s", wrong[i].name);
    EXPECT(c, 500, get(c, path, "Accept: application/json\r\n"));
    shows(c, wrong[i].says);
  }
  EXPECT(c, 500, get(c, "/wrong/throw", HTML));
  shows(c, "<p>In a route (GET /wrong/throw).</p>");
  EXPECT(c, 200, get(c, "/notes", ""));
}

/* --- hooks --- */

static void hooks(Client *c) {
  visit(c, "/protected?user=ada");
  char stream[300], page[256], back[300];
  int n = (int)(strstr(c->url[0], "/ix-1") - c->url[0]);
  snprintf(page, sizeof page, "%.*s", n, c->url[0]);
  snprintf(stream, sizeof stream, "%s/sse?at=1.0", page);
  snprintf(back, sizeof back, "%s/back", page);
#define REFUSE "X-Hook: refuse\r\n"
  EXPECT(c, 403, get(c, "/protected", REFUSE));
  shows(c, "\r\n\r\nNot today: GET /protected");
  EXPECT(c, 403, post(c, c->url[0], JSON OURS REFUSE, SLICE("{}")));
  shows(c, "Not today: POST /conv/");
  EXPECT(c, 403, get(c, page, REFUSE));
  EXPECT(c, 403, get(c, stream, REFUSE));
  EXPECT(c, 403, post(c, back, OURS REFUSE, (Slice){ 0 }));
  EXPECT(c, 403, get(c, "/notes", REFUSE));
  EXPECT(c, 403, get(c, "/unknown", REFUSE));
  EXPECT(c, 403, ask(c, "DELETE", "/notes", REFUSE, (Slice){ 0 }));
  EXPECT(c, 403, ask(c, "OPTIONS", "/notes", REFUSE, (Slice){ 0 }));
  EXPECT(c, 200, get(c, "/stube/client.js", REFUSE));
  EXPECT(c, 200, get(c, "/stube/health", REFUSE));
  EXPECT(c, 200, get(c, page, ""));
  shows(c, ">0</output>"); /* nothing of what was refused has happened */

  /* A page is sent elsewhere; a script is told where to. */
  EXPECT(c, 303, get(c, "/protected", "X-Hook: login\r\n"));
  shows(c, "location: /page\r\n");
  EXPECT(c, 204,
         post(c, c->url[0],
              JSON OURS "X-Hook: login\r\nDatastar-Request: true\r\n",
              SLICE("{}")));
  shows(c, "Stube-Go: /page\r\n");
  EXPECT(c, 204,
         get(c, stream, "X-Hook: login\r\nAccept: text/event-stream\r\n"));
  shows(c, "Stube-Go: /page\r\n");

  /* What a hook leaves in the request is there for those behind it. */
  EXPECT(c, 200, get(c, "/seen?as=ada", ""));
  shows(c, "\"user\":\"ada\"");
  EXPECT(c, 200, get(c, "/seen", ""));
  hides(c, "user");
  EXPECT(c, 404, get(c, "/nowhere", ""));
  shows(c, "\r\n\r\ncustom");
  EXPECT(c, 404, get(c, "/nowhere-else", ""));
  hides(c, "custom");

  EXPECT(c, 500, get(c, "/notes", "X-Hook: throw\r\n" HTML));
  shows(c, ": hook");
  shows(c, "In a before hook.");
  EXPECT(c, 500,
         post(c, c->url[0], JSON OURS "X-Hook: throw\r\n", SLICE("{}")));
  EXPECT(c, 500, get(c, "/notes", "X-Hook: number\r\n"));
  shows(c, "it returned a number");
}

/* --- folders --- */

#define BIG MIB(3)

static TempPath files;

static void write_file(const char *name, const char *bytes, size_t len) {
  char path[128];
  snprintf(path, sizeof path, "%s/%s", files, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, len, f), len);
  fclose(f);
}

static void make_files(void) {
  char path[128], *big = xmalloc(BIG);
  for (size_t i = 0; i < BIG; i++) big[i] = (char)('a' + i % 26);
  temp_make(files);
  snprintf(path, sizeof path, "%s/sub", files);
  assert_int_equal(mkdir(path, 0700), 0);
  snprintf(path, sizeof path, "%s/.git", files);
  assert_int_equal(mkdir(path, 0700), 0);
  write_file("a.txt", "0123456789", 10);
  write_file("empty.css", "", 0);
  write_file("J\xc3\xbcrgen & co.html", "<p>", 3);
  write_file("sub/index.html", "<p>index</p>", 12);
  write_file(".secret", "secret", 6);
  write_file(".git/config", "secret", 6);
  write_file("big.bin", big, BIG);
  free(big);
  snprintf(path, sizeof path, "%s/link.txt", files);
  assert_int_equal(symlink("/etc/passwd", path), 0);
  snprintf(path, sizeof path, "%s/out", files);
  assert_int_equal(symlink("/etc", path), 0);
  snprintf(path, sizeof path, "%s/pipe", files);
  assert_int_equal(mkfifo(path, 0600), 0);
  setenv("SPEC_FILES", files, 1);
}

static void drop_files(void) {
  unsetenv("SPEC_FILES");
  temp_remove(files);
}

/* The value of a header of the last answer, in `out`. */
static void header_of(Client *c, const char *name, char out[128]) {
  char start[64];
  snprintf(start, sizeof start, "\r\n%s: ", name);
  const char *at = strstr(c->reply.ptr, start);
  claim(c, at != NULL, "no %s", name);
  out[0] = '\0';
  if (at) sscanf(at + strlen(start), "%127[^\r]", out);
}

static void folders(Client *c) {
  char etag[128], date[128], headers[512];
  EXPECT(c, 200, get(c, "/files/a.txt", ""));
  shows(c, "\r\n\r\n0123456789");
  shows(c, "Content-Type: text/plain; charset=utf-8\r\n");
  shows(c, "Cache-Control: no-cache\r\n");
  shows(c, "X-Content-Type-Options: nosniff\r\n");
  shows(c, "Accept-Ranges: bytes\r\n");
  header_of(c, "ETag", etag);
  header_of(c, "Last-Modified", date);
  EXPECT(c, 200, ask(c, "HEAD", "/files/a.txt", "", (Slice){ 0 }));
  shows(c, "Content-Length: 10\r\n");
  hides(c, "0123456789");
  EXPECT(c, 405, post(c, "/files/a.txt", "", (Slice){ 0 }));

  snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", etag);
  EXPECT(c, 304, get(c, "/files/a.txt", headers));
  hides(c, "0123456789");
  EXPECT(c, 200, get(c, "/files/a.txt", "If-None-Match: \"other\"\r\n"));
  snprintf(headers, sizeof headers, "If-Modified-Since: %s\r\n", date);
  EXPECT(c, 304, get(c, "/files/a.txt", headers));
  snprintf(headers, sizeof headers,
           "If-None-Match: \"other\"\r\nIf-Modified-Since: %s\r\n", date);
  EXPECT(c, 200, get(c, "/files/a.txt", headers));
  EXPECT(c, 206, get(c, "/files/a.txt", "Range: bytes=2-4\r\n"));
  shows(c, "\r\n\r\n234");
  shows(c, "Content-Range: bytes 2-4/10\r\n");
  snprintf(headers, sizeof headers, "Range: bytes=-3\r\nIf-Range: %s\r\n",
           etag);
  EXPECT(c, 206, get(c, "/files/a.txt", headers));
  shows(c, "\r\n\r\n789");
  EXPECT(c, 200,
         get(c, "/files/a.txt", "Range: bytes=2-4\r\nIf-Range: \"x\"\r\n"));
  EXPECT(c, 416, get(c, "/files/a.txt", "Range: bytes=10-\r\n"));
  shows(c, "Content-Range: bytes */10\r\n");

  EXPECT(c, 200, get(c, "/aged/a.txt", ""));
  shows(c, "Cache-Control: public, max-age=60\r\n");
  EXPECT(c, 200, get(c, "/files/empty.css", ""));
  shows(c, "Content-Type: text/css; charset=utf-8\r\n");
  shows(c, "Content-Length: 0\r\n");
  EXPECT(c, 200, get(c, "/files/J%C3%BCrgen%20&%20co.html", ""));
  EXPECT(c, 308, get(c, "/files/sub", ""));
  shows(c, "Location: /files/sub/\r\n");
  EXPECT(c, 200, get(c, "/files/sub/", ""));
  shows(c, "\r\n\r\n<p>index</p>");
  shows(c, "Content-Type: text/html; charset=utf-8\r\n");
  EXPECT(c, 308, get(c, "/files", ""));
  EXPECT(c, 404, get(c, "/files/", "")); /* it has no index.html */
  EXPECT(c, 200, get(c, "/", ""));
  shows(c, "<p>index</p>");
  EXPECT(c, 200, get(c, "/index.html", ""));
  EXPECT(c, 200, get(c, "/notes", "")); /* routes go first */
  shows(c, "\r\n\r\n[]");

  /* Another file under its name has other validators. */
  write_file("a.txt", "abcdefghij", 10);
  snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", etag);
  EXPECT(c, 200, get(c, "/files/a.txt", headers));
  shows(c, "\r\n\r\nabcdefghij");
}

static void beyond_folders(Client *c) {
  static const char *const paths[] = {
    "/files/.secret",      "/files/.git/config", "/files/.git/",
    "/files/link.txt",     "/files/out/passwd",  "/files/out/",
    "/files/pipe",         "/files/none",        "/files/a.txt/",
    "/files/a.txt/b",      "/files/...",         "/.secret",
    "/files/sub/../a.txt", "/files/%2e%2e/x",    "/files/..%2fx",
    "/files/%00",          "/files/a.txt%00.css"
  };
  for (size_t i = 0; i < countof(paths); i++) {
    int status = get(c, paths[i], "");
    claim(c, status == 404 || status == 400, "%s: %d", paths[i], status);
    hides(c, "secret");
    hides(c, "root:");
  }
  char name[300] = "/files/";
  memset(name + 7, 'x', 256);
  name[263] = '\0';
  EXPECT(c, 404, get(c, name, ""));
}

static void large_files(Client *c) {
  EXPECT(c, 200, get(c, "/files/big.bin", ""));
  const char *at = body(c) + 4;
  size_t n = c->reply.len - 1 - (size_t)(at - c->reply.ptr);
  claim(c, n == BIG, "%zu bytes, not %zu", n, BIG);
  for (size_t i = 0; i < n && i < BIG; i++)
    if (at[i] != (char)('a' + i % 26)) {
      claim(c, false, "byte %zu is wrong", i);
      break;
    }
  EXPECT(c, 206, get(c, "/files/big.bin", "Range: bytes=1000000-2999999\r\n"));
  at = body(c) + 4;
  n = c->reply.len - 1 - (size_t)(at - c->reply.ptr);
  claim(c, n == 2000000 && at[0] == (char)('a' + 1000000 % 26),
        "a part is wrong");
  /* Clients that leave half-way harm nobody. */
  for (int i = 0; i < 20; i++) {
    char bytes[1024];
    int fd = dial(c);
    dprintf(fd, "GET /files/big.bin HTTP/1.1\r\nHost: x\r\n\r\n");
    claim(c, recv(fd, bytes, sizeof bytes, 0) > 0, "nothing came");
    struct linger now = { .l_onoff = 1 };
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(fd);
  }
  EXPECT(c, 200, get(c, "/files/a.txt", ""));
}

/* --- on_error --- */

static void own_words(Client *c) {
  EXPECT(c, 500, get(c, "/wrong/throw_table", HTML));
  shows(c, "role=\"alert\"><b>Our fault 7 in a route (GET /wrong/throw_table); "
           "/wrong/throw_table told</b></div>");
  EXPECT(c, 500, get(c, "/wrong/throw_table", "")); /* no browser */
  hides(c, "Our fault");
  visit(c, "/throws");
  int fd = dial(c), n = (int)(strstr(c->url[0], "/ix-1") - c->url[0]);
  char first;
  dprintf(fd, "GET %.*s/sse?at=1.0 HTTP/1.1\r\nHost: x\r\nCookie: %s\r\n\r\n",
          n, c->url[0], c->cookie);
  claim(c, recv(fd, &first, 1, 0) == 1, "no stream");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  buf_clear(&c->reply);
  do {
    char *at = buf_reserve(&c->reply, 4097);
    ssize_t got = recv(fd, at, 4096, 0);
    if (got <= 0) break;
    c->reply.len += (size_t)got;
    c->reply.ptr[c->reply.len] = '\0';
  } while (!strstr(c->reply.ptr, "</div>\n\n"));
  close(fd);
  shows(c, "<b>Our fault 8 in on.go; spec/throws told</b>");
  hides(c, "Something went wrong");
}

static void failing_words(Client *c) {
  EXPECT(c, 500, get(c, "/wrong/throw_table", HTML));
  shows(c, "Something went wrong");
  hides(c, "Our fault");
  visit(c, "/throws");
  EXPECT(c, 204, post(c, c->url[0], JSON OURS, SLICE("{}")));
  EXPECT(c, 500, get(c, "/wrong/throw", HTML));
}

/* --- the tests --- */

static void a_request_is_a_table_of_plain_data(void **state) {
  (void)state;
  serve_app(APP, NULL, requests);
}

static void trust(Host *h) { h->settings.trust_proxy = true; }
static void a_trusted_proxy_says_who_asks(void **state) {
  (void)state;
  serve_app_as(APP, NULL, trust, behind_a_proxy);
}

static void move(Host *h) {
  free(h->settings.base_path);
  h->settings.base_path = xstrdup("/app");
}
static void the_app_does_not_see_its_base_path(void **state) {
  (void)state;
  serve_app_as(APP, NULL, move, under_a_path);
}

static void a_principal_is_the_conversations_alone(void **state) {
  (void)state;
  serve_app(APP, NULL, principals);
}

static void context_and_principal_outlive_a_restart(void **state) {
  (void)state;
  TempPath dir;
  temp_make(dir);
  serve_app(APP, dir, leave_one);
  serve_app(APP, dir, find_it);
  temp_remove(dir);
}

static void a_failure_is_told_to_who_develops(void **state) {
  (void)state;
  serve_app(APP, NULL, failures);
}

static void produce(Host *h) { h->settings.production = true; }
static void a_visitor_learns_nothing_of_a_failure(void **state) {
  (void)state;
  serve_app_as(APP, NULL, produce, failures_in_production);
}

static void a_route_answers_what_its_table_says(void **state) {
  (void)state;
  serve_app(APP, NULL, routes);
}

static void pages_of_other_sites_change_nothing(void **state) {
  (void)state;
  serve_app(APP, NULL, other_sites);
}

static void an_answer_that_is_none_says_why(void **state) {
  (void)state;
  serve_app(APP, NULL, wrong_answers);
}

static void a_hook_may_answer_instead(void **state) {
  (void)state;
  serve_app(APP, NULL, hooks);
}

static void a_folder_is_served(void **state) {
  (void)state;
  make_files();
  serve_app(APP, NULL, folders);
  drop_files();
}

static void nothing_beyond_a_folder_is_served(void **state) {
  (void)state;
  make_files();
  serve_app(APP, NULL, beyond_folders);
  drop_files();
}

static void a_large_file_comes_in_pieces(void **state) {
  (void)state;
  make_files();
  serve_app(APP, NULL, large_files);
  drop_files();
}

static void the_app_has_its_own_words_for_failures(void **state) {
  (void)state;
  setenv("SPEC_ON_ERROR", "1", 1);
  serve_app_as(APP, NULL, produce, own_words);
  setenv("SPEC_ON_ERROR", "throws", 1);
  serve_app(APP, NULL, failing_words);
  unsetenv("SPEC_ON_ERROR");
}

int main(void) {
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(a_route_answers_what_its_table_says),
    cmocka_unit_test(pages_of_other_sites_change_nothing),
    cmocka_unit_test(an_answer_that_is_none_says_why),
    cmocka_unit_test(a_hook_may_answer_instead), /* 16.7 */
    cmocka_unit_test(a_folder_is_served),
    cmocka_unit_test(nothing_beyond_a_folder_is_served),
    cmocka_unit_test(a_large_file_comes_in_pieces),
    cmocka_unit_test(the_app_has_its_own_words_for_failures),
    cmocka_unit_test(a_request_is_a_table_of_plain_data),
    cmocka_unit_test(a_trusted_proxy_says_who_asks),
    cmocka_unit_test(the_app_does_not_see_its_base_path),
    cmocka_unit_test(a_principal_is_the_conversations_alone), /* 16.3 */
    cmocka_unit_test(context_and_principal_outlive_a_restart),
    cmocka_unit_test(a_failure_is_told_to_who_develops),     /* 22.3 */
    cmocka_unit_test(a_visitor_learns_nothing_of_a_failure), /* 22.5 */
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
