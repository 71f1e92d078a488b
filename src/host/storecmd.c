#include "host/storecmd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define STORE_DIR ".stube" /* in the present folder */
#define BACKUP_WITHIN_S 600
#define LS_LIMIT 50

const char store_usage[] =
    "usage: stube store COMMAND [--store DIR]\n"
    "\n"
    "beside a server that runs on it, too\n"
    "  ls                 the conversations, newest last: id, turn, minted "
    "(UTC),\n"
    "                     bytes, frames\n"
    "    --limit N        so many; 0: all                   (50)\n"
    "  show CID           all that is in one; how its id begins is enough. "
    "What\n"
    "                     waits is read with the files it came from, which "
    "are\n"
    "                     loaded for that, from the store\n"
    "  check              read every record, and say what is damaged\n"
    "  backup FILE        a copy of the database, as of one moment; not of "
    "the\n"
    "                     key, which is DIR/key and useless in other hands\n"
    "    --within SECONDS  give up after so long; 0: never     (600)\n"
    "  export [FILE]      the store as text, a line of JSON a conversation, "
    "for\n"
    "                     `import`; whoever reads it can act as its visitors\n"
    "\n"
    "while nobody serves it\n"
    "  import [FILE]      take in what `export` wrote; makes the store if need "
    "be\n"
    "  compact            give pages that hold nothing back to the disk\n"
    "\n"
    "  --store DIR        the store's folder                (.stube)\n"
    "\n"
    "It ends with 0; with 1 when something is damaged or cannot be done; with "
    "2\n"
    "when it was asked wrongly. Long work says on stderr how far it is.\n";

static const struct Command {
  const char *name;
  const char *takes; /* its argument, or NULL */
  bool is_optional;
  int (*run)(const StoreCmd *c);
} commands[] = {
  { "ls", NULL, false, store_ls },
  { "show", "CID", false, store_show },
  { "check", NULL, false, store_check },
  { "backup", "FILE", false, store_backup },
  { "export", "FILE", true, store_export },
  { "import", "FILE", true, store_import },
  { "compact", NULL, false, store_compact_command },
};

static int wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int wrong(const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fputs("stube store: ", stderr);
  vfprintf(stderr, fmt, ap);
  fputs("\nTry `stube store help`.\n", stderr);
  va_end(ap);
  return STORE_USAGE;
}

int store_fail(const StoreCmd *c, const char *fmt, ...) {
  va_list ap;
  va_start(ap, fmt);
  fprintf(stderr, "stube store %s: ", c->name);
  vfprintf(stderr, fmt, ap);
  fputc('\n', stderr);
  va_end(ap);
  return STORE_BAD;
}

bool store_is_there(const StoreCmd *c) {
  char path[4096];
  struct stat st;
  snprintf(path, sizeof path, "%s/data.mdb", c->dir);
  if (stat(path, &st) == 0) return true;
  store_fail(c, "there is no store in %s (%s); --store says where it is",
             c->dir, strerror(errno));
  return false;
}

Store *store_look(const StoreCmd *c) {
  char why[512];
  if (!store_is_there(c)) return NULL;
  Store *s = store_lmdb_look(c->dir, why, sizeof why);
  if (!s) store_fail(c, "%s", why);
  return s;
}

static bool parse_number(const char *text, uint64_t *out) {
  char *end;
  errno = 0;
  unsigned long long n = strtoull(text, &end, 10);
  if (errno || end == text || *end || text[0] == '-') return false;
  *out = n;
  return true;
}

/* One option with its value; 0, or the exit code. */
static int take_option(StoreCmd *c, const char *name, const char *value) {
  if (strcmp(name, "--store") == 0) {
    c->dir = value;
    return 0;
  }
  if (strcmp(name, "--limit") != 0 && strcmp(name, "--within") != 0)
    return wrong("there is no option %s", name);
  bool ok = parse_number(value, name[2] == 'l' ? &c->limit : &c->within_s);
  return ok ? 0 : wrong("%s takes a number, not %s", name, value);
}

static const struct Command *find(const char *name) {
  for (size_t i = 0; i < countof(commands); i++)
    if (strcmp(commands[i].name, name) == 0) return &commands[i];
  return NULL;
}

int store_command(int argc, char **argv) {
  if (argc < 1 || strcmp(argv[0], "help") == 0 ||
      strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0) {
    fputs(store_usage, argc < 1 ? stderr : stdout);
    return argc < 1 ? STORE_USAGE : STORE_OK;
  }
  const struct Command *command = find(argv[0]);
  if (!command) return wrong("there is no command %s", argv[0]);
  StoreCmd c = { .name = command->name,
                 .dir = STORE_DIR,
                 .limit = LS_LIMIT,
                 .within_s = BACKUP_WITHIN_S };
  for (int i = 1; i < argc; i++) {
    if (argv[i][0] == '-' && argv[i][1]) {
      if (i + 1 >= argc) return wrong("a value is missing after %s", argv[i]);
      int code = take_option(&c, argv[i], argv[i + 1]);
      if (code) return code;
      i++;
    } else if (c.arg || !command->takes) {
      return wrong("%s takes no %s", c.name, argv[i]);
    } else {
      c.arg = argv[i];
    }
  }
  if (command->takes && !command->is_optional && !c.arg)
    return wrong("%s takes a %s", c.name, command->takes);
  return command->run(&c);
}
