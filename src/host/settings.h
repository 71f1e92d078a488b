/* What an operator or an app may choose, in one list (settings.c): a name for
 * s.config and --show-config, an option of the command line, a kind that reads,
 * checks and shows its values (setting_kinds.c).
 *
 * A value comes from three places, each winning over the one before it: the
 * default, the script, the command line. */
#ifndef HOST_SETTINGS_H
#define HOST_SETTINGS_H

#include <lua.h>

#include "base/buf.h"
#include "http/addr.h"

typedef struct Host Host;

typedef enum Source { FROM_DEFAULT, FROM_SCRIPT, FROM_COMMAND_LINE } Source;

/* Who may read /stube/metrics. */
typedef enum MetricsFor {
  METRICS_FOR_LISTED, /* this machine, and Settings.metrics_blocks */
  METRICS_FOR_NOBODY,
  METRICS_FOR_ALL,
} MetricsFor;

/* Room for where each value came from. */
#define SETTINGS_MAX 64

/* Strings are owned. The numbers of http and kernel lie in Host. */
typedef struct Settings {
  char *host;         /* address to listen on */
  int port;           /* 0 picks one */
  char *base_path;    /* "" or "/x" */
  char *store;        /* folder of the store; NULL: .stube beside the script */
  bool in_memory;     /* no store on disk */
  bool relaxed;       /* durability: sync now and then */
  uint64_t store_max; /* bytes */
  char *title;        /* of pages whose mount has none */
  bool production;    /* neutral error texts, no development aids */
  bool trust_proxy;   /* believe X-Forwarded-Proto and -For */
  bool log_json;
  MetricsFor metrics_for;
  AddrBlock *metrics_blocks;
  size_t n_metrics_blocks;
  uint64_t reaper_ms;  /* between two looks for those whose time is over */
  uint64_t blocked_ms; /* one call may keep everybody waiting (watchdog.c) */
  uint64_t io_workers; /* threads for s.io */
  uint64_t io_ms;      /* one call */
  size_t io_memory, io_result;  /* bytes of one */
  int on_error;                 /* function(err, info), or LUA_NOREF */
  int context, principal;       /* functions of a request, or LUA_NOREF */
  uint8_t source[SETTINGS_MAX]; /* a Source each */
} Settings;

void settings_init(Host *h);
void settings_free(Settings *s);

/* --- one setting --- */

typedef struct Setting Setting;

/* `at` is where the value lives. */
typedef struct SettingKind {
  /* Appends what it takes: "a whole number from 0 to 65535". */
  void (*wants)(const Setting *s, bool is_option, Buf *out);
  /* False: it takes no such value, and keeps what it had. `more` may get what
   * is wrong with it: "; item 2 is none". NULL: not on the command line. */
  bool (*from_text)(Host *h, const Setting *s, void *at, Slice text, Buf *more);
  bool (*from_lua)(Host *h, const Setting *s, void *at, lua_State *L, int idx,
                   Buf *more);
  void (*show)(Host *h, const Setting *s, const void *at, Buf *out);
  bool needs_no_value; /* on the command line: naming it is enough */
} SettingKind;

struct Setting {
  const char *name;   /* in s.config; "limits.x" is x in its table `limits` */
  const char *option; /* "--port", or NULL */
  const char *value;  /* how the help calls it: "N" */
  const SettingKind *kind;
  size_t at, size; /* where it lives in Host; of a number: its bytes */
  uint64_t min, max;
  const char *words[2];  /* of kind_either: false, true */
  const char *help;      /* lines, without indent */
  const char *otherwise; /* the default, for the help, when it is not the value
                          * it starts with; "": not worth a word */
};

extern const SettingKind kind_text, kind_number, kind_bytes, kind_time,
    kind_flag, kind_either, kind_base_path, kind_store, kind_metrics,
    kind_function;

/* --- the list --- */

/* The setting that an option of the command line means, or NULL. */
const Setting *settings_option(const char *option);
/* Takes its value: NULL for one that needs none. False appends what is wrong,
 * for a person. */
bool settings_take(Host *h, const Setting *s, const char *text, Buf *why);
/* "event_body=1M": a limit by its name. Likewise. */
bool settings_take_limit(Host *h, const char *text, Buf *why);
/* Appends `; did you mean --port?`, when an option is near. */
void settings_near_option(const char *option, Buf *out);

/* Takes the table at `idx`, as s.config gets it. Raises at the caller's line,
 * naming the setting. */
void settings_config(Host *h, lua_State *L, int idx);

/* Appends a line for each setting: name, value, where it came from. */
void settings_show(Host *h, Buf *out);
/* The part of the usage that tells of options. */
void settings_usage(Buf *out);

/* --- folders --- */

/* The folder a script lies in: its modules lie beside it. The caller frees. */
char *folder_of(const char *script);
/* The store's folder when none is given. The caller frees. */
char *settings_store_of(const char *script);

#endif
