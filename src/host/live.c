/* Who follows a conversation: its open streams, and a ring of the newest events
 * for those who come back (S38).
 *
 * Every event has an id, <turn>.<n>. A stream that attaches says the id of what
 * its page already holds: nothing more is sent, or what follows it in the ring,
 * or, when the ring no longer reaches back so far, one repaint. The ring speaks
 * our client's dialect: what another one passes over in it (where to scroll) is
 * lost on it. */
#include <stdlib.h>

#include "host/frame.h"
#include "host/host.h"
#include "http/reply.h"
#include "http/stream.h"
#include "wire/form.h"

typedef struct Entry {
  FragmentId id;
  uint32_t len; /* bytes in the ring */
} Entry;

typedef struct Live Live;

typedef struct Follower {
  Live *live;
  Stream *stream;
  Dialect dialect;
  struct Follower *next;
} Follower;

struct Live {
  Host *host;
  Conv *conv;
  Follower *followers;
  uint32_t n_followers;
  Buf ring; /* whole events, oldest first */
  Entry *entries;
  uint32_t n_entries, cap_entries;
  FragmentId before; /* the id of the event before the oldest in the ring */
};

/* When this is new, pages painted before the turn `since` are painted anew. */
static Live *live_of(Host *h, Conv *c, uint64_t since) {
  void **slot = conv_slot(c);
  if (!*slot) {
    Live *l = xcalloc(1, sizeof *l);
    l->host = h;
    l->conv = c;
    l->before = (FragmentId){ since, 0 };
    *slot = l;
  }
  return *slot;
}

/* --- the ring --- */

static void trim(Live *l, size_t max) {
  size_t bytes = 0;
  uint32_t n = 0;
  while (l->ring.len - bytes > max && n < l->n_entries)
    bytes += l->entries[n++].len;
  if (n == 0) return;
  l->before = l->entries[n - 1].id;
  buf_drop(&l->ring, bytes);
  memmove(l->entries, l->entries + n, (l->n_entries - n) * sizeof(Entry));
  l->n_entries -= n;
}

static void remember(Live *l, FragmentId id, Slice event) {
  /* Half at a time, so that moving bytes is rare. */
  if (l->ring.len + event.len > SSE_RING_BYTES) trim(l, SSE_RING_BYTES / 2);
  if (l->n_entries == l->cap_entries) {
    l->cap_entries = l->cap_entries ? l->cap_entries * 2 : 4;
    l->entries = xrealloc(l->entries, l->cap_entries * sizeof(Entry));
  }
  l->entries[l->n_entries++] = (Entry){ id, (uint32_t)event.len };
  buf_slice(&l->ring, event);
}

/* What follows `id`; false when the ring does not reach back to it. Turns that
 * sent nothing have ids too, which no event bears. */
static bool ring_after(const Live *l, FragmentId id, Slice *out) {
  if (fragment_after(l->before, id)) return false;
  size_t at = 0;
  for (uint32_t i = 0;
       i < l->n_entries && !fragment_after(l->entries[i].id, id); i++)
    at += l->entries[i].len;
  *out = slice(l->ring.ptr + at, l->ring.len - at);
  return true;
}

/* --- released fragments --- */

/* Writes fragments to the followers of one dialect, if there are any. */
static void tell(const Live *l, Dialect dialect, Slice events) {
  for (Follower *o = l->followers; o; o = o->next)
    if (o->dialect == dialect && events.len) stream_write(o->stream, events);
}

static void tell_foreign(const Live *l, FragmentId id, const Fragment *f,
                         size_t n) {
  bool is_there = false;
  for (Follower *o = l->followers; o; o = o->next)
    is_there |= o->dialect == DIALECT_DATASTAR;
  if (!is_there) return;
  Buf frame = { 0 };
  for (size_t i = 0; i < n; i++, id.n++)
    frame_event(&frame, &id, &f[i], DIALECT_DATASTAR);
  tell(l, DIALECT_DATASTAR, buf_view(&frame));
  buf_free(&frame);
}

void live_release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                  size_t n) {
  Host *h = ud;
  /* Turns before this one have sent nothing, or it would be there. */
  Live *l = live_of(h, c, first.turn - 1);
  FragmentId id = first;
  buf_clear(&h->frame);
  for (size_t i = 0; i < n; i++, id.n++) {
    size_t from = h->frame.len;
    frame_event(&h->frame, &id, &f[i], DIALECT_OURS);
    remember(l, id, slice(h->frame.ptr + from, h->frame.len - from));
  }
  tell(l, DIALECT_OURS, buf_view(&h->frame));
  tell_foreign(l, first, f, n);
  if (f[n - 1].kind == FRAG_CLOSE) live_ended(ud, c); /* nothing follows */
}

/* --- streams --- */

static void unfollow(Follower *o) {
  Live *l = o->live;
  Follower **at = &l->followers;
  while (*at != o) at = &(*at)->next;
  *at = o->next;
  l->n_followers--;
  free(o);
}

static void on_close(void *ud) {
  Live *l = ((Follower *)ud)->live;
  unfollow(ud);
  if (!l->followers) kernel_unfollowed(l->host->kernel, l->conv);
}

/* Our client asks for its stream without that header. */
static Dialect dialect_of(const HttpReq *req) {
  return req_header(req, "Datastar-Request").ptr ? DIALECT_DATASTAR
                                                 : DIALECT_OURS;
}

/* Starts the stream of `req` and sends it what it missed. */
static void follow(Live *l, HttpReq *req, Slice missed) {
  trust_tell(l->host, req, slice_str(conv_cid(l->conv)));
  if (l->n_followers >= SSE_STREAMS_PER_CONV) {
    http_reply_err(req, ERR_TOO_MANY);
    return;
  }
  Follower *o = xcalloc(1, sizeof *o);
  o->live = l;
  o->dialect = dialect_of(req);
  o->stream = stream_start(req, NULL, 0, on_close, o);
  if (!o->stream) {
    free(o);
    return;
  }
  o->next = l->followers;
  l->followers = o;
  l->n_followers++;
  if (missed.len) stream_write(o->stream, missed);
  kernel_followed(l->host->kernel, l->conv);
}

bool live_forget(void *ud, Conv *c) {
  Live *l = *conv_slot(c);
  if (l && l->followers) return false;
  live_ended(ud, c);
  return true;
}

void live_ended(void *ud, Conv *c) {
  (void)ud;
  Live *l = *conv_slot(c);
  if (!l) return;
  while (l->followers) {
    stream_close(l->followers->stream, true);
    unfollow(l->followers);
  }
  buf_free(&l->ring);
  free(l->entries);
  free(l);
  *conv_slot(c) = NULL;
}

/* --- attaching --- */

typedef struct Repaint {
  Event ev;
  Host *host;
  Conv *conv;
  HttpReq *req;
  FragmentId at; /* what its page holds */
  Buf html;
} Repaint;

typedef struct Missed {
  FragmentKind kind; /* of those that are wanted */
  Dialect dialect;
  Buf *events;
} Missed;

static void see_missed(void *ud, const Fragment *f) {
  Missed *m = ud;
  if (f->kind == m->kind) frame_event(m->events, NULL, f, m->dialect);
}

static void put_missed(const Repaint *r, FragmentKind kind, Buf *events) {
  Missed m = { kind, dialect_of(r->req), events };
  conv_see_unseen(r->conv, r->at, see_missed, &m);
}

/* The page as it is now, and of what it missed what is not in there: signals
 * before it (bound ones are newer there), scripts behind it. Who was cut off in
 * the midst of this has got no id and gets it all again. */
static void put_repaint(const Repaint *r, Buf *events) {
  FragmentId newest = conv_newest(r->conv);
  Buf stands = { 0 };
  conv_put_standing(r->conv, &stands);
  Fragment page = { .kind = FRAG_ELEMENTS,
                    .mode = PATCH_INNER,
                    .selector = SLICE_INIT("#root"),
                    .body = buf_view(&r->html) };
  Fragment address = { .kind = FRAG_ADDRESS, .body = buf_view(&stands) };
  put_missed(r, FRAG_SIGNALS, events);
  frame_event(events, NULL, &page, dialect_of(r->req));
  put_missed(r, FRAG_SCRIPT, events);
  frame_event(events, &newest, &address, dialect_of(r->req));
  buf_free(&stands);
}

static void repainted(Event *ev, Err result) {
  Repaint *r = (Repaint *)ev;
  if (result && result != ERR_APP) {
    http_reply_err(r->req, result);
  } else {
    Live *l = live_of(r->host, r->conv, conv_turn(r->conv));
    Buf events = { 0 };
    put_repaint(r, &events);
    follow(l, r->req, buf_view(&events));
    buf_free(&events);
  }
  buf_free(&r->html);
  free(r);
}

void visit_stream(Host *h, HttpReq *req, const RouteMatch *m, Conv *c) {
  (void)m;
  if (!c || conv_ended(c) || conv_stopped(c)) {
    http_reply_err(req, ERR_GONE);
    return;
  }
  if (!trust_owns(h, req, c)) {
    http_reply_err(req, ERR_FORBIDDEN);
    return;
  }
  FragmentId at = { 0 };
  Slice painted = { 0 };
  form_find(req_query(req), "at", &painted);
  bool known = frame_take_id(req_header(req, "Last-Event-ID"), &at) ||
               frame_take_id(painted, &at);
  Live *l = live_of(h, c, conv_turn(c));
  Slice missed;
  kernel_promote(h->kernel, c);
  if (known && ring_after(l, at, &missed)) {
    follow(l, req, missed);
    return;
  }
  Repaint *r = xcalloc(1, sizeof *r);
  *r = (Repaint){ .host = h, .conv = c, .req = req, .at = at };
  r->ev.draw = &r->html;
  r->ev.answer = repainted;
  kernel_post(h->kernel, c, &r->ev);
}
