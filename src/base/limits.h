/* Every named maximum, with its reason. Nothing from outside grows past one of
 * these. Specs stand with the module that keeps the limit. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB(n) ((size_t)(n)*1024)
#define MIB(n) ((size_t)(n)*1024 * 1024)

/* --- memory of our own --- */
#ifdef STUBE_HARD /* tiny first buffers, so that growing is what every test \
                     does */
#define BUF_FIRST_BYTES 16
#else
#define BUF_FIRST_BYTES 256
#endif
#define ARENA_BLOCK_BYTES KIB(4)

/* --- HTTP --- */
/* 414 past it */
#define HTTP_REQUEST_LINE_MAX KIB(8)
/* 431: all headers of a request together */
#define HTTP_HEADER_BYTES_MAX KIB(16)
/* 431 */
#define HTTP_HEADERS_MAX 100
/* 413 */
#define HTTP_EVENT_BODY_MAX KIB(256)
/* requests read ahead of their answers */
#define HTTP_PIPELINE_MAX 16
/* one address cannot take all descriptors */
#define HTTP_CONNECTIONS_PER_IP 256
/* first byte to end of headers: slow loris */
#define HTTP_HEADER_TIMEOUT_MS 10000
/* between two pieces of a body */
#define HTTP_BODY_IDLE_MS 30000
/* between two requests */
#define HTTP_KEEPALIVE_MS 75000
/* of one URL path */
#define HTTP_PATH_SEGMENTS_MAX 32
/* held or unsent on one connection before reading pauses */
#define HTTP_PIPELINE_BYTES KIB(512)
/* of one server: under 20 MiB when all are idle */
#define HTTP_CONNECTIONS_MAX 20000
/* a client that takes nothing of its answer */
#define HTTP_WRITE_IDLE_MS 30000
/* wait for the client's end, so that it reads our last answer */
#define HTTP_LINGER_MS 2000
/* read and thrown away meanwhile */
#define HTTP_LINGER_BYTES MIB(1)
/* one read: a single buffer shared by all connections */
#define HTTP_READ_BYTES KIB(64)
/* of a large file, read at a time for one client */
#define FEED_PIECE_BYTES KIB(256)
/* and asked for when so much of what there was is left */
#define FEED_LOW_BYTES KIB(64)
/* framing bytes allowed per byte of a chunked body */
#define HTTP_CHUNK_OVERHEAD 16
/* of one request; browsers keep about as many */
#define HTTP_COOKIES_MAX 50

/* --- the app's boundary --- */
/* s.before: each runs for each request */
#define HOOKS_MAX 64
/* files of s.static on their way at once: each has a descriptor and a piece */
#define FOLDER_FETCHES_MAX 256
/* a year: caches go no further */
#define FOLDER_AGE_MAX_S 31536000

/* --- the store --- */
/* address space, not memory or disk */
#define STORE_MAP_BYTES ((size_t)1 << 40)
/* the store's own size unless told otherwise: past it only what makes it no
 * larger is written, so that an app that grows without end does not fill the
 * disk for everyone */
#define STORE_BYTES_MAX ((uint64_t)64 << 30)
/* cold heads read at the same time */
#define STORE_READERS 4
/* of each of the redo log's two files: a start after a crash reads both. Half
 * full, or when so many conversations are in it, or after so long, it goes to
 * the database: the longer it waits, the fewer pages a turn costs the disk; the
 * more there are at once, the longer the log's own syncs wait behind them */
#define STORE_REDO_BYTES MIB(8)
#define STORE_REDO_CONVS 2048
#define STORE_REDO_MS 250
/* with relaxed durability, until it is on the disk: what a power cut takes */
#define STORE_SYNC_MS 1000
/* how long who looks at a served store waits for what is on its way into it */
#define STORE_LOOK_MS 2000
/* of LMDB's lock file, for its 126 readers: made whole before it is mapped,
 * for on a full disk writing to a mapped hole is a signal */
#define STORE_LOCK_BYTES KIB(8)
/* one line of an export: a head with its history, or a message, in base64 */
#define EXPORT_LINE_MAX MIB(64)
/* of one row's key; LMDB takes 511 */
#define STORE_KEY_MAX 480

/* --- streams --- */
/* then it is cut, and repainted on return */
#define SSE_UNSENT_MAX MIB(1)
/* under every proxy's usual idle timeout */
#define SSE_KEEPALIVE_MS 15000
/* Datastar's default: never written */
#define SSE_RETRY_DEFAULT 1000
/* events of one conversation kept for a re-attach */
#define SSE_RING_BYTES KIB(16)
/* S38: signals and scripts of one conversation that no page has acknowledged:
 * kept for a page that comes back, ... */
#define UNSEEN_BYTES_MAX KIB(16)
/* ... for so long */
#define UNSEEN_MS 60000
/* of an address that the browser shows for a conversation */
#define ADDRESS_MAX KIB(2)
/* of what the browser's Back asks first */
#define BACK_QUESTION_MAX 500
/* tabs on one conversation */
#define SSE_STREAMS_PER_CONV 16

/* --- what clients send --- */
/* nesting of signals */
#define JSON_DEPTH_MAX 32
/* of one urlencoded form or query */
#define FORM_FIELDS_MAX 1000
/* 429: events waiting for one conversation's turn */
#define EVENT_QUEUE_MAX 64
/* bytes of an event's name in a URL */
#define EVENT_NAME_MAX 64
/* seconds of its events' rate that may come at once, where one is set */
#define EVENT_BURST_S 5
/* bytes of the reason why a conversation is stopped */
#define STOP_WORDS_MAX 200
/* S17: a conversation two of whose turns took too much within this ... */
#define COOL_WINDOW_MS 60000
/* ... takes no events for so long */
#define COOL_MS 10000
/* S39: pages whose last answer is remembered */
#define EVENT_PAGES_MAX 8
/* bytes of a page's id in Stube-Event */
#define PAGE_ID_MAX 8

/* --- conversations --- */
/* S24: encoded state of one conversation */
#define CONV_HEAD_BYTES_MAX KIB(256)
/* S24: waiting tasks in one conversation */
#define CONV_TASKS_MAX 64
/* S24: instances on one stack */
#define CONV_FRAMES_MAX 1000
/* live instances of one conversation */
#define CONV_INSTANCES_MAX 10000
/* S5: waiting tasks of one instance */
#define INST_TASKS_MAX 16
/* in Lua's memory; the rest sleeps as bytes */
#define CONV_HOT_MAX 1024
/* S40: minted by a GET, nobody attached yet */
#define CONV_PROVISIONAL_MAX 10000
/* S40: 30 minutes */
#define CONV_PROVISIONAL_MS 1800000

/* of an id that stands for the whole; the first 8 are the time */
#define CID_PREFIX_MIN 8
/* ids that one call of s.conversations gives */
#define CONV_LIST_MAX 1000
/* S33: states one conversation can go back to; the oldest leave first */
#define HISTORY_TURNS_MAX 1000
/* and their bytes, in the head and in rows */
#define HISTORY_BYTES_MAX KIB(256)
/* of those, in the head: past it, one row takes them (P2) */
#ifdef STUBE_HARD /* two points and a row, so that walking rows is the rule */
#define HISTORY_HEAD_BYTES 60
#else
#define HISTORY_HEAD_BYTES 512
#endif
/* one state of the past, put together again */
#define HISTORY_STATE_MAX MIB(16)

/* context and principal of one conversation: each of its heads bears them */
#define ORIGIN_BYTES_MAX KIB(16)

/* --- what happens without a visitor --- */
/* S32: a timer is never due earlier */
#define TIMER_FLOOR_MS 10
/* 100 years: a number of seconds that was meant as something else */
#define TIMER_SECONDS_MAX 3155760000.0
/* timers, sleeps and timeouts of one conversation: all are in its head */
#define CONV_TIMERS_MAX 256
/* subscriptions, of instances and of tasks that receive */
#define CONV_SUBS_MAX 64
/* s.send and s.publish_local: not delivered yet */
#define CONV_LETTERS_MAX 256
/* and their bytes */
#define CONV_LETTER_BYTES_MAX KIB(256)
/* one message, encoded: it is in a head or in the store, many times over */
#define MESSAGE_BYTES_MAX KIB(16)
/* tables within tables of a message */
#define MESSAGE_DEPTH_MAX 100
/* with a conversation's id it makes a key of the store */
#define TOPIC_NAME_MAX 200
/* S30: the newest messages of a topic are kept, for who is late */
#define TOPIC_LOG_MAX 1000
/* one turn cannot push everybody's messages off a log */
#define TURN_PUBLISHES_MAX 100
/* what is known of topics; the rest is in the store */
#define TOPICS_IN_MEMORY_MAX 4096
/* turns without a visitor in one pass of the loop: a millisecond or so */
#define LATER_TURNS_PER_PASS 8
/* of those, commits under way: a visitor's shares a batch with no more */
#define LATER_UNDER_WAY_MAX 64
/* rows of an index read at once */
#define LATER_WINDOW 64
/* S32: turns of volatile timers are written after this at the latest */
#define VOLATILE_SAVE_MS 250
/* S32: bytes of heads a second; past it timers are taken for volatile */
#define CONV_WRITES_PER_S MIB(1)
/* S40: conversations saved at once because their boot published ... */
#define CONV_BOOTS_MAX 1000
/* ... in this time: whoever only fetches pages fills no store */
#define CONV_BOOTS_MS 60000

/* --- functions in worker threads: s.io, s.background --- */
/* threads; each has a Lua state of its own */
#define IO_WORKERS 4
/* calls under way, or waiting for a thread */
#define IO_WAITING_MAX 1000
/* of those, one conversation's that it waits for: all are in its head */
#define CONV_IOS_MAX 16
/* function and arguments of one, encoded */
#define IO_CALL_BYTES_MAX KIB(64)
/* what one gives back, encoded */
#define IO_RESULT_BYTES_MAX MIB(1)
/* arguments, or results, of one */
#define IO_VALUES_MAX 200
/* one call; then whoever waits gets an error */
#define IO_TIME_MS 60000
/* Lua's memory that one call may add */
#define IO_MEMORY_MAX MIB(256)
/* threads that are lost in C functions which do not return, and have been
 * replaced; past it nobody runs what comes */
#define IO_LOST_MAX 16
/* at the end of the process: how long those under way are waited for */
#define IO_STOP_MS 5000
/* s.background in one turn */
#define TURN_BACKGROUNDS_MAX 100
/* modules that one call may find missing, one after the other */
#define IO_MODULES_MAX 100

/* tokens of one visitor that are good at once: renewed, and the new one not
 * shown yet */
#define VISITOR_TOKENS_MAX 4

/* stores whose visitors one store knows besides its own: each import may bring
 * one, and each cookie is tried with all */
#define VISITOR_KEYS_MAX 16

/* conversations whose time is over, looked at in one go */
#define REAP_WINDOW 64

/* --- one turn --- */
/* S17: CPU one turn may use */
#define TURN_CPU_MS 250
/* S17: logged from here */
#define TURN_CPU_WARN_MS 50
/* S18: one call that keeps the loop from going round is told of, ... */
#define LOOP_WARN_MS 1000
/* ... and ends the process */
#define LOOP_BLOCKED_MS 30000
/* S19: Lua bytes one turn may add */
#define TURN_MEMORY_MAX MIB(64)
/* S13: tasks resumed in one turn */
#define TURN_RESUMES_MAX 1000
/* S13: effects folded in one turn */
#define TURN_EFFECTS_MAX 10000
/* conversations that one turn may begin: c:fork, s.spawn */
#define TURN_BORN_MAX 50
/* bytes that say by whom a conversation was limited (s.spawn, s.mount) */
#define LIMITED_BY_MAX 200
/* failed turns whose state is kept, for who looks into it */
#define WRECKS_MAX 32
/* S17: instructions one resume counts for */
#define RESUME_CHARGE 100
/* S20 */
#define TRACEBACK_MAX KIB(8)
/* S18: of one match, and 8 for each byte it looks at (KEEP IN STEP: tools/lua-
 * patches/pattern-steps.patch) */
#define PATTERN_STEPS_MAX 4000000
#ifndef LUA_STACK_MAX
/* slots of one Lua stack: then it is a stack overflow (KEEP IN STEP:
 * tools/lua-patches/stack-limit.patch) */
#define LUA_STACK_MAX 250000
#endif
/* __call metamethods that lead to each other; Lua moves all arguments for each
 * (KEEP IN STEP: tools/lua-patches/call-chain.patch) */
#define CALL_CHAIN_MAX 100
/* budgets within budgets: a turn that a function of a request has made, in it a
 * replay, in its failure on_error */
#define BUDGET_DEPTH_MAX 8
/* instructions between two looks at the budget */
#define BUDGET_HOOK_EVERY 1000
/* and between two readings of the clock, about 50 us */
#define BUDGET_CLOCK_EVERY 10000
/* S16: __close of what is removed, __tostring of an error */
#define CLEANUP_CPU_MS 20
#define CLEANUP_MEMORY_MAX MIB(4)
/* P9: ended threads kept for the next task */
#define CORO_POOL_MAX 256
/* versions of code whose instances one head tells apart */
#define FRAME_VERSIONS_MAX 64
/* old chunks that one head may bring back at once */
#define HEAD_REVIVALS_MAX 64
/* S29: encoded value of one atom: each change writes all of it */
#define ATOM_BYTES_MAX KIB(256)
/* turns that one step of a replay may lead to without an event */
#ifdef STUBE_HARD /* where each takes a hundred times as long */
#define REPLAY_PASSES_MAX 1000
#else
#define REPLAY_PASSES_MAX 100000
#endif
/* when a replay begins unless it is said: 2000-01-01, in seconds since 1970 */
#define REPLAY_BEGINS 946684800
/* what its clock and its generator may begin with */
#define REPLAY_NUMBER_MAX 100000000000
/* bytes of an atom's name; it is a key of the store */
#define ATOM_NAME_MAX 200
/* atoms that one process knows */
#define ATOMS_IN_MEMORY_MAX 100000
/* changes of atoms in one turn */
#define TURN_ATOM_CHANGES_MAX 1000
/* S26: revived chunks, each kept until the process ends */
#define CODE_OLD_MAX 1000
/* one Lua file */
#define SOURCE_BYTES_MAX MIB(16)

/* --- what a saved conversation may hold (S24; its size is CONV_HEAD_BYTES_MAX)
 * * --- */
/* calls that wait, over all its coroutines */
#define PERSIST_FRAMES_MAX 1000
/* coroutines, of a kilobyte each: what 3 bytes of a damaged graph can claim */
#define PERSIST_THREADS_MAX 2000
/* waiting loops over pairs(): each saves its keys */
#define PERSIST_PAIRS_MAX 32
/* empty places in arrays: 4 MiB made from few bytes */
#define PERSIST_NILS_MAX 262144
/* values on one coroutine's stack, of Lua's million */
#define PERSIST_SLOTS_MAX 100000
/* of those, variables that wait to be closed */
#define PERSIST_CLOSING_MAX 256

/* --- drawing --- */
/* nesting of an element tree */
#define MARKUP_DEPTH_MAX 512
/* of one element; sorted on the C stack */
#define MARKUP_ATTRS_MAX 64
/* all attribute names of one element */
#define MARKUP_ATTR_BYTES_MAX KIB(4)
/* names in one class or style table; likewise */
#define MARKUP_WORDS_MAX 256
/* events in one on_* list */
#define MARKUP_EVENTS_MAX 16
/* one instance's HTML */
#define RENDER_BYTES_MAX MIB(8)

#endif
