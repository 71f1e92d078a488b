/* Arguments and exit codes: 0 fine, 1 the app failed, 2 wrong usage. */
#include <stdio.h>
#include <unistd.h>

#include "host/host.h"
#include "host/storecmd.h"

static void print_usage(FILE *to) {
  Buf b = { 0 };
  buf_lit(&b, "usage: stube APP.lua [options]   run an app\n"
              "       stube check APP.lua       load an app, say what looks "
              "wrong\n"
              "       stube test [PATHS]        run busted specs inside the "
              "host\n"
              "       stube store COMMAND       look after a store: stube "
              "store help\n"
              "       stube help NAME           what a function of `stube` "
              "does\n"
              "       stube version | help\n"
              "\n"
              "options\n");
  settings_usage(&b);
  buf_lit(&b, "  --limit NAME=VALUE  one of the limits that --show-config "
              "names\n"
              "  --show-config       load APP, print all settings with their "
              "values\n"
              "                      and where each came from, and exit\n"
              "\n"
              "What s.config in the script sets, the command line overrides.\n"
              "When it is ready it prints: stube: listening on "
              "http://HOST:PORT\n"
              "SIGINT and SIGTERM finish what is under way and exit 0.\n");
  fwrite(b.ptr, 1, b.len, to);
  buf_free(&b);
}

static int wrong(const char *what, const char *value) {
  fprintf(stderr, "stube: %s%s%s\nTry `stube help`.\n", what, value ? ": " : "",
          value ? value : "");
  return 2;
}

/* What the command line says about running an app. */
typedef struct Args {
  int argc;
  char **argv;
  const char *script;
  bool shows_config;
} Args;

/* The option at argv[*i], and its value behind it. False: `why` says. */
static bool take_option(Host *h, const Args *a, int *i, Buf *why) {
  const char *name = a->argv[*i];
  const Setting *s = settings_option(name);
  bool is_limit = strcmp(name, "--limit") == 0;
  if (!s && !is_limit) {
    buf_printf(why, "there is no option %s", name);
    settings_near_option(name, why);
    return false;
  }
  const char *value = NULL;
  if (is_limit || !s->kind->needs_no_value) {
    if (*i + 1 >= a->argc) {
      buf_printf(why, "a value is missing after %s", name);
      return false;
    }
    value = a->argv[++*i];
  }
  return is_limit ? settings_take_limit(h, value, why)
                  : settings_take(h, s, value, why);
}

/* 0, or the exit code. */
static int take_args(Host *h, Args *a) {
  for (int i = 1; i < a->argc; i++) {
    const char *arg = a->argv[i];
    Buf why = { 0 };
    bool ok = true;
    if (strcmp(arg, "--show-config") == 0) {
      a->shows_config = true;
    } else if (arg[0] == '-') {
      ok = take_option(h, a, &i, &why);
    } else if (a->script) {
      buf_printf(&why, "one app at a time, not also %s", arg);
      ok = false;
    } else {
      a->script = arg;
    }
    if (ok) continue;
    buf_byte(&why, '\0');
    int code = wrong(why.ptr, NULL);
    buf_free(&why);
    return code;
  }
  return a->script ? 0 : wrong("which app? Give a script", NULL);
}

static int show_config(Host *h) {
  Buf b = { 0 };
  settings_show(h, &b);
  fwrite(b.ptr, 1, b.len, stdout);
  buf_free(&b);
  return 0;
}

/* `is_check`: it is looked at, and not served. */
static int run_app(Host *h, int argc, char **argv, bool is_check) {
  Args a = { .argc = argc, .argv = argv };
  int code = take_args(h, &a);
  if (code) return code;
  if (is_check) return host_check(h, a.script);
  if (!host_load(h, a.script)) return 1;
  if (a.shows_config) return show_config(h);
  return host_open(h) && host_serve(h) ? 0 : 1;
}

int main(int argc, char **argv) {
  const char *first = argc > 1 ? argv[1] : "help";
  if (strcmp(first, "help") == 0 && argc > 2) {
    Host *h = host_new();
    int code = host_help(h, argv[2]);
    host_free(h);
    return code;
  }
  if (strcmp(first, "help") == 0 || strcmp(first, "--help") == 0 ||
      strcmp(first, "-h") == 0) {
    print_usage(argc > 1 ? stdout : stderr);
    return argc > 1 ? 0 : 2;
  }
  if (strcmp(first, "version") == 0 || strcmp(first, "--version") == 0) {
    puts("stube " STUBE_VERSION " (" LUA_RELEASE ")");
    return 0;
  }
  if (strcmp(first, "store") == 0) return store_command(argc - 2, argv + 2);
  Host *h = host_new();
  int code;
  if (strcmp(first, "test") == 0)
    code = host_test(h, argc - 2, argv + 2);
  else if (strcmp(first, "check") == 0)
    code = run_app(h, argc - 1, argv + 1, true);
  else
    code = run_app(h, argc, argv, false);
  if (!host_free(h)) { /* a thread is somewhere in C, and may stay there */
    fflush(NULL);
    _exit(code);
  }
  return code;
}
