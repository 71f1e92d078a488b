/* A server that a tool runs and ends. */
#ifndef CLIENT_SERVER_H
#define CLIENT_SERVER_H

#include <sys/types.h>

typedef struct Server {
  pid_t pid; /* 0: not running */
  int out;   /* reads its standard output; -1 when closed */
} Server;

/* Runs a command (a path and its arguments, ended by NULL) with `err` as its
 * standard error. It does not outlive this process. */
void server_start(Server *s, char **command, int err);
/* Waits for its line "...: listening on http://HOST:PORT"; the port. */
int server_port(Server *s);
/* The same; 0 when it ends before. */
int server_port_or_end(Server *s);
/* Sends the signal, waits for the end; its status as waitpid gives it. */
int server_end(Server *s, int signal);

#endif
