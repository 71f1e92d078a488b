#include "people.h"

#include "fail.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_MS 1700000000000u

/* Numbers that look random, the same in every run (splitmix64). */
static uint64_t scatter(uint64_t x) {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void people_cid(uint64_t i, char cid[CID_LEN + 1]) {
  uint8_t raw[CID_RAW];
  uint64_t ms = FIRST_MS + i, rest[2] = { scatter(2 * i), scatter(2 * i + 1) };
  for (int b = 0; b < 6; b++) raw[b] = (uint8_t)(ms >> (8 * (5 - b)));
  memcpy(raw + 6, rest, sizeof rest);
  cid[base64url(cid, raw, sizeof raw)] = '\0';
}

static FILE *open_in(const char *dir, const char *name, const char *how) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, how);
  if (!f) fail("cannot open %s: %s", path, strerror(errno));
  return f;
}

void people_save_post(const char *dir, Slice post) {
  FILE *f = open_in(dir, "post", "w");
  if (fwrite(post.ptr, 1, post.len, f) != post.len || fclose(f))
    fail("cannot write %s/post", dir);
}

/* Finds in "POST /conv/CID/ix-1/inc?m=MAC HTTP/1.1" what differs. */
static void read_post(People *p) {
  const char *text = p->post.ptr;
  int cid, iid_end, event, event_end, mac;
  if (sscanf(text, "POST /conv/%n%*[^/]/ix-%u%n/%n%*[^?]%n?m=%n", &cid, &p->iid,
             &iid_end, &event, &event_end, &mac) != 1 ||
      event - iid_end != 1 || text[mac + MAC_LEN] != ' ')
    fail("not the event of a conversation: %.100s", text);
  p->cid = (size_t)cid;
  p->mac = (size_t)mac;
  p->event = slice(text + event, (size_t)(event_end - event));
}

void people_open(People *p, const char *dir, uint64_t n) {
  *p = (People){ .n = n };
  FILE *f = open_in(dir, "key", "r");
  if (fread(p->key, 1, sizeof p->key, f) != sizeof p->key)
    fail("%s/key is cut", dir);
  fclose(f);
  f = open_in(dir, "post", "r");
  for (int c; (c = getc(f)) != EOF;) buf_byte(&p->post, (char)c);
  fclose(f);
  buf_byte(&p->post, '\0');
  p->post.len--;
  read_post(p);
}

/* KEEP IN STEP: conv_mac (kernel/session.c), of an event without a value. */
static void sign(const People *p, Slice cid, char out[MAC_LEN]) {
  char bytes[sizeof p->iid + 256];
  size_t len = sizeof p->iid;
  memcpy(bytes, &p->iid, sizeof p->iid);
  bytes[len++] = (char)p->event.len;
  memcpy(bytes + len, p->event.ptr, p->event.len);
  len += p->event.len;
  bytes[len++] = 0;
  MacKey key = mac_key(p->key, cid);
  mac(out, &key, slice(bytes, len));
}

void people_aim(People *p, uint64_t i) {
  char cid[CID_LEN + 1];
  people_cid(i, cid);
  memcpy(p->post.ptr + p->cid, cid, CID_LEN);
  sign(p, slice(cid, CID_LEN), p->post.ptr + p->mac);
}
