#include "server.h"

#include "fail.h"
#include "http.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void server_start(Server *s, char **command, int err) {
  int out[2];
  if (pipe2(out, O_CLOEXEC)) fail("pipe: %s", strerror(errno));
  s->pid = fork();
  if (s->pid < 0) fail("fork: %s", strerror(errno));
  if (s->pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out[1], STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(command[0], command);
    fprintf(stderr, "%s: %s\n", command[0], strerror(errno));
    _exit(127);
  }
  close(out[1]);
  s->out = out[0];
}

/* Its first line, which is all that `line` holds. */
static Slice first_line(Server *s, char *line, size_t size) {
  size_t len = 0;
  while (len < size - 1) {
    ssize_t n = read(s->out, line + len, size - 1 - len);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    len += (size_t)n;
    if (memchr(line, '\n', len)) break;
  }
  return slice(line, len);
}

static int port_in(Slice line) {
  Slice address = between(line, "listening on http://", '\n');
  const char *colon = address.len ? memrchr(address.ptr, ':', address.len)
                                  : NULL;
  return colon ? atoi(colon + 1) : 0;
}

int server_port_or_end(Server *s) {
  char line[256];
  return port_in(first_line(s, line, sizeof line));
}

int server_port(Server *s) {
  char text[256];
  Slice line = first_line(s, text, sizeof text);
  int port = port_in(line);
  if (!port) unexpected("the server is not ready", line);
  return port;
}

int server_end(Server *s, int signal) {
  int status;
  kill(s->pid, signal);
  while (waitpid(s->pid, &status, 0) != s->pid)
    if (errno != EINTR) fail("waitpid: %s", strerror(errno));
  if (s->out >= 0) close(s->out);
  *s = (Server){ 0, -1 };
  return status;
}
