/* Bytes as text that other programs read: base64 with padding (RFC 4648, 4). */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/buf.h"

void base64_put(Buf *out, Slice bytes);
/* Appends what the text stands for; false, and nothing is appended, when it is
 * no base64. */
bool base64_take(Slice text, Buf *out);

#endif
