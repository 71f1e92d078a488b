/* Reading a page as a visitor's browser would: whose conversation it is, where
 * its events go, what its <output> shows. Each ends the program (fail) when
 * what it looks for is not there. */
#ifndef CLIENT_PAGE_H
#define CLIENT_PAGE_H

#include "http.h"

/* Checks that it is a whole page of a conversation; its cid. */
Slice page_cid(const Answer *page);
/* Appends the URL of the first attribute `name="... call'URL' ..."`, or
 * `name="URL"` without a call. `attribute` goes up to the quote. */
void put_page_url(Buf *out, const Answer *page, const char *attribute,
                  const char *call);
/* The number in the first <output>. */
uint64_t number_shown(Slice text);

/* A request for a page, without cookie. */
void put_page_request(Buf *out, int port, const char *path);
/* The header line that gives a page's cookie back. */
void put_cookie(Buf *out, const Answer *page);

#endif
