/* s.static: the files of a folder.
 *
 *   loop:    find the folder -> [pool] -> answer, or head and pieces
 *   pool:                       open, look, read one piece
 *
 * Disks are asked by libuv's pool only. A path is walked name by name below the
 * folder: no symbolic link is followed, nothing that begins with a dot is
 * there, and what is neither file nor folder is not sent. */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/id.h"
#include "base/limits.h"
#include "host/host.h"
#include "html/html.h"
#include "http/feed.h"
#include "http/reply.h"

struct Folder {
  Folder *next;
  Endpoint endpoint;
  char *prefix;   /* "/files" */
  char *dir;      /* opened anew each time, so that it can be replaced */
  bool has_index; /* it answers at the prefix itself */
  uint64_t age_s; /* a browser need not ask again for so long */
  size_t users;   /* fetches under way, and the list while it is in there */
};

/* One file on its way to one client. */
typedef struct Fetch {
  uv_work_t work;
  Host *host;
  Folder *folder;
  HttpReq *req; /* until it is answered, or its body fed */
  Feed *feed;
  bool is_gone;      /* nobody takes its body any more */
  bool is_reading;   /* it is in the pool */
  char *path;        /* below the folder; "" is the folder itself */
  bool wants_folder; /* the URL ends in a slash */

  /* the pool's */
  int fd;
  Err err;
  bool is_folder;
  struct stat about;
  uint64_t at, left; /* of the body: where the next piece is */
  char *piece;
  size_t n;
} Fetch;

/* --- in the pool --- */

/* Opens `path` below `fd`, which it closes; -1 and errno. */
static int open_below(int fd, const char *path) {
  while (fd >= 0 && *path) {
    char name[NAME_MAX + 1];
    size_t len = strcspn(path, "/");
    if (len > NAME_MAX || path[0] == '.') {
      close(fd);
      errno = ENOENT;
      return -1;
    }
    memcpy(name, path, len);
    name[len] = '\0';
    path += len + strspn(path + len, "/");
    /* NONBLOCK: a pipe would wait for its writer. */
    int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
    int next = openat(fd, name, flags | (*path ? O_DIRECTORY : 0));
    int e = errno;
    close(fd);
    errno = e;
    fd = next;
  }
  return fd;
}

/* Whatever cannot be had is not there; only a full table of descriptors is told
 * apart. */
static Err err_of(int e) {
  return e == EMFILE || e == ENFILE || e == ENOMEM ? ERR_UNAVAILABLE
         : e == EIO                                ? ERR_IO
                                                   : ERR_NOT_FOUND;
}

/* One piece from `at`; short only at the file's end. */
static bool read_piece(Fetch *f) {
  size_t want = f->left < FEED_PIECE_BYTES ? (size_t)f->left : FEED_PIECE_BYTES;
  f->n = 0;
  if (!f->piece) f->piece = xmalloc(want + 1);
  while (f->n < want) {
    ssize_t n = pread(f->fd, f->piece + f->n, want - f->n,
                      (off_t)(f->at + f->n));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    f->n += (size_t)n;
  }
  f->at += f->n;
  f->left -= f->n;
  return true;
}

static void look(uv_work_t *work) {
  Fetch *f = work->data;
  f->fd = open_below(open(f->folder->dir, O_RDONLY | O_CLOEXEC | O_DIRECTORY),
                     f->path);
  if (f->fd >= 0 && fstat(f->fd, &f->about) == 0 && S_ISDIR(f->about.st_mode)) {
    f->is_folder = true;
    if (!f->wants_folder) return;
    f->fd = open_below(f->fd, "index.html");
    if (f->fd >= 0 && fstat(f->fd, &f->about) != 0) f->err = ERR_NOT_FOUND;
  } else if (f->fd >= 0 && f->wants_folder) {
    f->err = ERR_NOT_FOUND; /* "/file.txt/" */
  }
  if (f->fd < 0)
    f->err = err_of(errno);
  else if (!S_ISREG(f->about.st_mode))
    f->err = ERR_NOT_FOUND;
}

static void read_more(uv_work_t *work) {
  Fetch *f = work->data;
  if (!read_piece(f)) f->err = ERR_IO;
}

/* --- on the loop --- */

static void folder_drop(Folder *d) {
  if (--d->users) return;
  free(d->prefix);
  free(d->dir);
  free(d);
}

static void fetch_free(Fetch *f) {
  if (f->fd >= 0) close(f->fd);
  f->host->n_fetches--;
  folder_drop(f->folder);
  free(f->piece);
  free(f->path);
  free(f);
}

/* Another file under the same name has another one: its number, its size and
 * the time of its last change, to the nanosecond. */
static size_t put_etag(char out[32], const struct stat *s) {
  const uint64_t facts[] = { (uint64_t)s->st_dev, (uint64_t)s->st_ino,
                             (uint64_t)s->st_size, (uint64_t)s->st_mtim.tv_sec,
                             (uint64_t)s->st_mtim.tv_nsec };
  uint8_t sum[DIGEST_BYTES];
  digest(sum, slice((const char *)facts, sizeof facts));
  out[0] = '"';
  size_t n = base64url(out + 1, sum, 12);
  out[n + 1] = '"';
  return n + 2;
}

/* "Tue, 15 Nov 1994 08:12:31 GMT". By hand: strftime would speak the process's
 * language. */
static size_t put_date(char out[32], time_t when) {
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm tm;
  gmtime_r(&when, &tm);
  int n = snprintf(out, 32, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
                   days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon,
                   (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min,
                   tm.tm_sec);
  return n > 0 ? (size_t)n : 0;
}

static void redirect_to_slash(Fetch *f) {
  Buf to = { 0 };
  buf_puts(&to, f->host->settings.base_path);
  buf_puts(&to, f->folder->prefix[1] ? f->folder->prefix : "");
  for (const char *at = f->path; *at;) {
    size_t len = strcspn(at, "/");
    buf_byte(&to, '/');
    html_url_component(&to, slice(at, len));
    at += len + strspn(at + len, "/");
  }
  buf_byte(&to, '/');
  HttpHeader headers[] = { { SLICE_INIT("Location"), buf_view(&to) },
                           HEADER("Cache-Control", "no-store") };
  http_reply(f->req, 308, headers, countof(headers), (Slice){ 0 });
  buf_free(&to);
}

static void on_piece(uv_work_t *work, int status);

static void on_more(void *ud) {
  Fetch *f = ud;
  f->is_reading = true;
  int e = uv_queue_work(&f->host->loop, &f->work, read_more, on_piece);
  ASSERT(e == 0);
}

/* A piece may be on its way just now: then the Fetch goes when it is here. */
static void on_gone(void *ud) {
  Fetch *f = ud;
  f->feed = NULL;
  f->is_gone = true;
  if (!f->is_reading) fetch_free(f);
}

static void on_piece(uv_work_t *work, int status) {
  (void)status;
  Fetch *f = work->data;
  f->is_reading = false;
  if (f->is_gone) {
    fetch_free(f);
  } else if (f->err) { /* it became shorter meanwhile */
    feed_cut(f->feed);
    fetch_free(f);
  } else if (feed_write(f->feed, slice(f->piece, f->n))) {
    fetch_free(f);
  }
}

static void send_file(Fetch *f) {
  char etag[32], date[32], age[48];
  FilePlan p;
  Slice name = f->path[0] && !f->is_folder ? slice_str(f->path)
                                           : SLICE("index.html");
  file_plan(f->req, slice(etag, put_etag(etag, &f->about)),
            slice(date, put_date(date, f->about.st_mtim.tv_sec)),
            file_type(name), (uint64_t)f->about.st_size, &p);
  HttpHeader headers[countof(p.headers) + 2];
  size_t n = 0;
  for (size_t i = 0; i < p.n; i++) headers[n++] = p.headers[i];
  headers[n++] = HEADER("X-Content-Type-Options", "nosniff");
  headers[n++] = HEADER("Cache-Control", "no-cache");
  if (f->folder->age_s) {
    int len = snprintf(age, sizeof age, "public, max-age=%llu",
                       (unsigned long long)f->folder->age_s);
    headers[n - 1].value = slice(age, (size_t)len);
  }
  f->at = p.from;
  f->left = p.len;
  if (p.status == 304 || p.status == 416) {
    http_reply(f->req, p.status, headers, n, (Slice){ 0 });
  } else {
    f->feed = feed_start(f->req, p.status, headers, n, p.len, on_more, on_gone,
                         f);
  }
  if (!f->feed) fetch_free(f);
}

static void on_looked(uv_work_t *work, int status) {
  (void)status;
  Fetch *f = work->data;
  f->is_reading = false;
  if (f->is_folder && !f->wants_folder) {
    redirect_to_slash(f);
  } else if (f->err) {
    http_reply_err(f->req, f->err);
  } else {
    send_file(f);
    return;
  }
  fetch_free(f);
}

/* Takes `path`. */
static void fetch(Host *h, HttpReq *req, Folder *d, char *path,
                  bool wants_folder) {
  Fetch *f = xcalloc(1, sizeof *f);
  *f = (Fetch){ .work.data = f, .host = h, .folder = d, .req = req, .fd = -1 };
  f->path = path;
  f->wants_folder = wants_folder;
  f->is_reading = true;
  d->users++;
  h->n_fetches++;
  int e = uv_queue_work(&h->loop, &f->work, look, on_looked);
  ASSERT(e == 0);
}

static bool is_busy(const Host *h, HttpReq *req) {
  if (h->n_fetches < FOLDER_FETCHES_MAX) return false;
  event_reply(req, ERR_UNAVAILABLE);
  return true;
}

static void handle_folder(Host *h, HttpReq *req, const RouteMatch *m) {
  Slice path = req_path(req);
  if (is_busy(h, req)) return;
  fetch(h, req, ((Endpoint *)m->target)->of, dup_slice(route_param(m, "path")),
        path.ptr[path.len - 1] == '/');
}

/* --- what components bring along --- */

static bool is_asset_name(Slice s) {
  for (size_t i = 0; i < s.len; i++) {
    char c = s.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          (c >= '0' && c <= '9') || c == '_' || c == '-'))
      return false;
  }
  return s.len > 0;
}

/* /stube/modules/ns/name.js, and nothing that looks otherwise. */
static void handle_asset(Host *h, HttpReq *req, const RouteMatch *m) {
  static const Slice suffix = SLICE_INIT(".js");
  Slice ns = route_param(m, "ns"), name = route_param(m, "name");
  bool ok = name.len > suffix.len &&
            slice_eq(slice(name.ptr + name.len - suffix.len, suffix.len),
                     suffix) &&
            is_asset_name(ns) &&
            is_asset_name(slice(name.ptr, name.len - suffix.len));
  if (!ok) {
    http_reply_error(req, 400, SLICE("invalid asset path"), NULL, 0);
    return;
  }
  if (is_busy(h, req)) return;
  Buf path = { 0 };
  buf_printf(&path, "%.*s/%.*s", (int)ns.len, ns.ptr, (int)name.len, name.ptr);
  fetch(h, req, ((Endpoint *)m->target)->of, dup_slice(buf_view(&path)), false);
  buf_free(&path);
}

/* --- the list --- */

static Folder *find(const Host *h, const char *prefix) {
  Folder *d = h->folders;
  while (d && strcmp(d->prefix, prefix) != 0) d = d->next;
  return d;
}

bool folder_yield(Host *h, const char *path) {
  Folder *d = find(h, path);
  if (!d || !d->has_index) return false;
  router_remove(h->router, METHOD_GET, slice_str(path));
  d->has_index = false;
  return true;
}

static Folder *add(lua_State *L, Host *h, const char *prefix) {
  Buf all = { 0 };
  buf_puts(&all, prefix[1] ? prefix : "");
  buf_lit(&all, "/*path");
  Folder *d = xcalloc(1, sizeof *d);
  d->endpoint = (Endpoint){ .handle = handle_folder, .of = d };
  Err e = router_add(h->router, METHOD_GET, buf_view(&all), &d->endpoint);
  buf_free(&all);
  if (e) {
    free(d);
    luaL_error(L, "static: the prefix \"%s\" is malformed or taken", prefix);
  }
  /* A mount or a route at the prefix itself goes before our index.html. */
  d->has_index = !router_add(h->router, METHOD_GET, slice_str(prefix),
                             &d->endpoint);
  d->prefix = xstrdup(prefix);
  d->users = 1;
  d->next = h->folders;
  h->folders = d;
  return d;
}

/* Relative ones begin where the script lies. */
static char *path_of(const Host *h, const char *dir) {
  if (dir[0] == '/' || !h->folder) return xstrdup(dir);
  Buf b = { 0 };
  buf_printf(&b, "%s/%s", h->folder, dir);
  char *path = dup_slice(buf_view(&b));
  buf_free(&b);
  return path;
}

void folders_add_modules(Host *h) {
  Folder *d = xcalloc(1, sizeof *d);
  d->endpoint = (Endpoint){ .handle = handle_asset, .of = d };
  d->prefix = xstrdup("/stube/modules");
  d->dir = path_of(h, "modules");
  d->users = 1;
  h->modules_folder = d;
  Err e = router_add(h->router, METHOD_GET, SLICE("/stube/modules/:ns/:name"),
                     &d->endpoint);
  ASSERT(!e);
}

static uint64_t check_age(lua_State *L, int opts) {
  static const char *const known[] = { "max_age", NULL };
  options_check(L, opts, "static", known);
  if (!lua_istable(L, opts) || lua_getfield(L, opts, "max_age") == LUA_TNIL)
    return 0;
  lua_Number age = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : -1;
  if (!(age >= 0 && age <= FOLDER_AGE_MAX_S))
    luaL_error(L,
               "static: max_age must be a number of seconds, up to a year, "
               "not %s",
               luaL_tolstring(L, -1, NULL));
  return (uint64_t)age;
}

/* static(prefix, dir, [{ max_age = seconds }]). The same prefix again replaces
 * it. */
int folder_f_static(lua_State *L) {
  Host *h = host_of(L);
  const char *prefix = options_path(L, 1), *dir = luaL_checkstring(L, 2);
  lua_settop(L, 3);
  uint64_t age_s = check_age(L, 3);
  struct stat about;
  if (host_is_inert(L)) return 0;
  luaL_argcheck(L, !strpbrk(prefix, ":*"), 1, "a prefix has no : and no *");
  char *path = path_of(h, dir);
  if (stat(path, &about) != 0 || !S_ISDIR(about.st_mode)) {
    lua_pushstring(L, path);
    free(path);
    return luaL_error(L, "static: there is no folder \"%s\"",
                      lua_tostring(L, -1));
  }
  Folder *d = find(h, prefix);
  if (!d) d = add(L, h, prefix);
  free(d->dir);
  d->dir = path;
  d->age_s = age_s;
  return 0;
}

size_t folders_count(const Host *h) {
  size_t n = 0;
  for (const Folder *d = h->folders; d; d = d->next) n++;
  return n;
}

void folders_free(Host *h) {
  if (h->modules_folder) folder_drop(h->modules_folder);
  while (h->folders) {
    Folder *d = h->folders;
    h->folders = d->next;
    folder_drop(d);
  }
}
