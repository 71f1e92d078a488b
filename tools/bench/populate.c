/* Fills a store with conversations for the benchmark.
 *
 *   populate DIR COUNT PATH -- COMMAND ARGUMENTS...
 *
 * The command is a server with its store in DIR, which is not there yet. It
 * makes one conversation, at PATH, with one event; the others are its head
 * under other ids, signed anew, put there as the server itself would. Prints
 * one line of key=value. */
#include "fail.h"
#include "measure.h"
#include "people.h"
#include "server.h"
#include "store/store.h"
#include "visit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* So many are under way: one transaction each, about. */
#define AT_ONCE 20000

static void make_first(const char *dir, const char *path, char **command) {
  Server server;
  Http main = { 0 };
  Visit v = { .main = &main };
  server_start(&server, command, STDERR_FILENO);
  int port = server_port(&server);
  http_open(&main, port);
  visit_start(&v, port, path);
  visit_click(&v);
  visit_leave(&v);
  http_close(&main);
  int status = server_end(&server, SIGTERM);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("%s did not end with 0 after SIGTERM", command[0]);
  people_save_post(dir, buf_view(&v.post));
}

static bool take_head(void *ud, Slice key, Slice head) {
  (void)key;
  buf_slice(ud, head);
  return false;
}

/* Finds the id in a head; it must stand there once.
 * KEEP IN STEP: kernel/image.c (magic, header, the checksum at the end). */
static size_t find_cid(const Buf *head, const People *p) {
  Slice cid = slice(p->post.ptr + p->cid, CID_LEN);
  char sum[MAC_LEN];
  MacKey key = mac_key(p->key, cid);
  mac(sum, &key, slice(head->ptr, head->len - MAC_LEN));
  if (memcmp(sum, head->ptr + head->len - MAC_LEN, MAC_LEN) != 0)
    fail("the head bears another checksum than it used to (kernel/image.c)");
  const char *at = memmem(head->ptr, head->len, cid.ptr, cid.len);
  if (!at) fail("the head does not say whose it is (kernel/image.c)");
  size_t after = (size_t)(at - head->ptr) + CID_LEN;
  if (memmem(head->ptr + after, head->len - after, cid.ptr, cid.len))
    fail("the head says twice whose it is (kernel/image.c)");
  return after - CID_LEN;
}

static void on_kept(void *ud, Err e) {
  size_t *under_way = ud;
  if (e) fail("the store keeps nothing: %s", err_words(e));
  --*under_way;
}

static void on_notify(void *ud) { (void)ud; }

static void put_clone(Store *s, const People *p, Buf *head, size_t at,
                      uint64_t i, size_t *under_way) {
  char cid[CID_LEN + 1];
  people_cid(i, cid);
  memcpy(head->ptr + at, cid, CID_LEN);
  MacKey key = mac_key(p->key, slice(cid, CID_LEN));
  size_t len = head->len - MAC_LEN;
  mac(head->ptr + len, &key, slice(head->ptr, len));
  StoreItem item = { .head = blob_new(buf_view(head)) };
  if (!cid_raw(slice(cid, CID_LEN), item.key)) fail("not a cid: %s", cid);
  ++*under_way;
  store_commit(s, &item, on_kept, under_way);
  blob_drop(item.head);
}

int main(int argc, char **argv) {
  char why[512];
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
  if (argc < 6 || count < 1 || strcmp(argv[4], "--") != 0)
    fail("usage: populate DIR COUNT PATH -- COMMAND");
  const char *dir = argv[1];
  id_init();
  make_first(dir, argv[3], argv + 5);
  uint64_t start = now_ns();
  Store *s = store_lmdb_open(dir, on_notify, NULL, why, sizeof why);
  if (!s) fail("%s", why);
  store_set_relaxed(s, true); /* nobody was promised anything */
  People people;
  Buf head = { 0 };
  people_open(&people, dir, count);
  if (store_scan(s, STORE_HEAD, SLICE(""), take_head, &head) ||
      head.len < MAC_LEN)
    fail("no conversation in %s", dir);
  size_t at = find_cid(&head, &people), under_way = 0;
  uint64_t bytes = store_stats(s).bytes;
  for (uint64_t i = 0; i < count; i++) {
    put_clone(s, &people, &head, at, i, &under_way);
    while (under_way >= AT_ONCE) {
      if (!store_ready(s)) usleep(100);
      store_poll(s);
    }
  }
  store_settle(s);
  bytes = store_stats(s).bytes - bytes;
  store_free(s); /* and syncs */
  printf("count=%llu head_bytes=%zu disk_bytes=%.0f seconds=%.2f\n",
         (unsigned long long)count, head.len, (double)bytes / (double)count,
         (double)(now_ns() - start) / 1e9);
  return 0;
}
