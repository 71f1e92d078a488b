#include "http/feed.h"

#include "base/limits.h"
#include "http/inside.h"
#include "http/reply.h"

#include <stdlib.h>

struct Feed {
  HttpReq *req; /* holds its place in the queue */
  uint64_t left;
  bool is_owed; /* `more` was called, and not answered yet */
  void (*more)(void *ud);
  void (*gone)(void *ud);
  void *ud;
};

Feed *feed_start(HttpReq *req, int status, const HttpHeader *headers, size_t n,
                 uint64_t length, void (*more)(void *ud),
                 void (*gone)(void *ud), void *ud) {
  ASSERT(req->is_handed_over && !req->is_answered && !req->stream);
  if (!req->conn) {
    server_give_req(req);
    return NULL;
  }
  put_head(req, queue_out(req), status, headers, n, (int64_t)length);
  if (req->method == METHOD_HEAD || length == 0) {
    queue_done(req);
    return NULL;
  }
  Feed *f = xcalloc(1, sizeof *f);
  *f = (Feed){
    .req = req, .left = length, .more = more, .gone = gone, .ud = ud
  };
  req->feed = f;
  conn_dirty(req->conn);
  return f;
}

void feed_pull(Feed *f) {
  if (f->is_owed || conn_unsent(f->req->conn) > FEED_LOW_BYTES) return;
  f->is_owed = true;
  f->more(f->ud);
}

static void let_go(Feed *f) {
  f->req->feed = NULL;
  free(f);
}

bool feed_write(Feed *f, Slice piece) {
  HttpReq *req = f->req;
  ASSERT(piece.len && piece.len <= f->left);
  f->is_owed = false;
  f->left -= piece.len;
  buf_slice(queue_out(req), piece);
  conn_dirty(req->conn);
  if (f->left) return false;
  let_go(f);
  queue_done(req);
  return true;
}

void feed_cut(Feed *f) {
  HttpReq *req = f->req;
  let_go(f);
  req->is_answered = true; /* the queue lets go of it with the socket */
  conn_close(req->conn);
}

void feed_conn_closed(Feed *f) {
  void (*gone)(void *ud) = f->gone;
  void *ud = f->ud;
  let_go(f);
  gone(ud);
}
