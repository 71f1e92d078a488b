/* The end of a tool that met what it does not expect. */
#ifndef CLIENT_FAIL_H
#define CLIENT_FAIL_H

/* Says why on stderr, after the program's name, and ends it with code 1. */
_Noreturn void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
