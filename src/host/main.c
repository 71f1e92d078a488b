/* Arguments and exit codes: 0 fine, 1 the app failed, 2 wrong usage. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/host.h"
#include "host/storecmd.h"

static const char usage[] =
    "usage: stube APP.lua [options]   run an app\n"
    "       stube test [PATHS]        run busted specs inside the host\n"
    "       stube store COMMAND       look after a store: stube store help\n"
    "       stube version | help\n"
    "\n"
    "options\n"
    "  --port N         listen on this port; 0 picks one     (8080)\n"
    "  --host ADDRESS   listen on this address               (127.0.0.1)\n"
    "  --base-path /X   put every path under this one\n"
    "  --store DIR      keep conversations in this folder, or with `memory`\n"
    "                   forget them at the end               (.stube beside "
    "APP)\n"
    "  --store-max N    its size, as in 500M or 8G; when it is full, visitors\n"
    "                   can look and do nothing              (64G)\n"
    "  --durability full|relaxed  relaxed syncs the disk each second, not\n"
    "                   before each answer: faster, and what a power cut\n"
    "                   leaves may be nothing                (full)\n"
    "  --prod           neutral error texts for visitors\n"
    "  --log text|json  how log lines look, on stderr        (text)\n"
    "\n"
    "When it is ready it prints: stube: listening on http://HOST:PORT\n"
    "SIGINT and SIGTERM finish what is under way and exit 0.\n";

static int wrong(const char *what, const char *value) {
  fprintf(stderr, "stube: %s%s%s\nTry `stube help`.\n", what, value ? ": " : "",
          value ? value : "");
  return 2;
}

static bool parse_port(const char *text, int *port) {
  char *end;
  errno = 0;
  long n = strtol(text, &end, 10);
  if (errno || end == text || *end || n < 0 || n > 65535) return false;
  *port = (int)n;
  return true;
}

static void set(char **field, const char *value) {
  free(*field);
  *field = xstrdup(value);
}

/* One option with its value; 0, or the exit code. */
static int take_option(Host *h, const char *name, const char *value) {
  Settings *s = &h->settings;
  if (strcmp(name, "--port") == 0) {
    if (!parse_port(value, &s->port))
      return wrong("--port takes a number from 0 to 65535, not", value);
    h->given |= SET_PORT;
  } else if (strcmp(name, "--host") == 0) {
    set(&s->host, value);
    h->given |= SET_HOST;
  } else if (strcmp(name, "--base-path") == 0) {
    const char *why = settings_base_path(s, value);
    if (why) return wrong(why, value);
    h->given |= SET_BASE_PATH;
  } else if (strcmp(name, "--store") == 0) {
    s->in_memory = strcmp(value, "memory") == 0;
    set(&s->store, value);
  } else if (strcmp(name, "--store-max") == 0) {
    const char *why = settings_store_max(s, value);
    if (why) return wrong(why, value);
  } else if (strcmp(name, "--durability") == 0) {
    const char *why = settings_durability(s, value);
    if (why) return wrong(why, value);
    h->given |= SET_DURABILITY;
  } else if (strcmp(name, "--log") == 0) {
    if (strcmp(value, "json") != 0 && strcmp(value, "text") != 0)
      return wrong("--log takes text or json, not", value);
    s->log_json = strcmp(value, "json") == 0;
  } else {
    return wrong("there is no option", name);
  }
  return 0;
}

static int run_app(Host *h, int argc, char **argv) {
  const char *script = NULL;
  for (int i = 1; i < argc; i++) {
    const char *arg = argv[i];
    if (arg[0] != '-') {
      if (script) return wrong("one app at a time, not also", arg);
      script = arg;
    } else if (strcmp(arg, "--prod") == 0) {
      h->settings.production = true;
    } else {
      if (i + 1 >= argc) return wrong("a value is missing after", arg);
      int code = take_option(h, arg, argv[++i]);
      if (code) return code;
    }
  }
  if (!script) return wrong("which app? Give a script", NULL);
  return host_load(h, script) && host_serve(h) ? 0 : 1;
}

int main(int argc, char **argv) {
  const char *first = argc > 1 ? argv[1] : "help";
  if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 ||
      strcmp(first, "-h") == 0) {
    fputs(usage, argc > 1 ? stdout : stderr);
    return argc > 1 ? 0 : 2;
  }
  if (strcmp(first, "version") == 0 || strcmp(first, "--version") == 0) {
    puts("stube " STUBE_VERSION " (" LUA_RELEASE ")");
    return 0;
  }
  if (strcmp(first, "store") == 0) return store_command(argc - 2, argv + 2);
  Host *h = host_new();
  int code = strcmp(first, "test") == 0 ? host_test(h, argc - 2, argv + 2)
                                        : run_app(h, argc, argv);
  host_free(h);
  return code;
}
