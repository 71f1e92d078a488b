/* Static assets from memory: validators, ranges, caching. */
#ifndef HTTP_FILE_H
#define HTTP_FILE_H

#include "http/req.h"

#define FILE_HASH_LEN 22 /* 128 bits as text */

typedef struct File {
  Slice body; /* borrowed: must outlive the File */
  Slice type; /* Content-Type; borrowed */
  char hash[FILE_HASH_LEN +
            1]; /* of the body: its strong ETag, and v= of its URL */
} File;

/* A File of bytes that stay where they are; the type comes from the name's end
 * (".js"), "application/octet-stream" when unknown. */
File file_of(Slice name, Slice body);
/* Content-Type for a file name. */
Slice file_type(Slice name);

/* What a GET or HEAD of something comes to: conditions, one range of bytes. */
typedef struct FilePlan {
  int status;         /* 200, 206, 304, 416 */
  uint64_t from, len; /* of the bytes to send */
  HttpHeader headers[5];
  size_t n;
} FilePlan;

/* `etag` in its quotes; `modified` as a date of HTTP, or empty. Both, and
 * `type`, are borrowed by the plan. */
void file_plan(HttpReq *req, Slice etag, Slice modified, Slice type,
               uint64_t size, FilePlan *out);

/* Answers GET and HEAD: 200, 206 and 416 for single byte ranges (with
 * If-Range), 304 for If-None-Match. A URL that says ?v=<hash of this content>
 * may be cached for ever; any other is revalidated each time. `headers` come
 * besides. */
void file_reply(HttpReq *req, const File *f, const HttpHeader *headers,
                size_t n);

#endif
