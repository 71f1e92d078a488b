/* A replay: conversations that the app's code plays with nobody there. It is a
 * Kernel of its own on the same Vm and the same definitions, with a store in
 * memory, and a clock and a generator that only its caller moves. What its
 * turns send to pages goes nowhere; timers wait for `advance`, calls for
 * workers wait for ever, atoms and topics are its own. So the same events make
 * the same bytes.
 *
 * It owns the Vm only while one of these functions runs. */
#ifndef KERNEL_REPLAY_H
#define KERNEL_REPLAY_H

#include "kernel/kernel.h"

typedef struct Replay Replay;

void replays_free(Kernel *app); /* all that play its code */

/* (embed, { seed =, time =, context =, principal = }) -> the replay, cid */
int replay_f_open(lua_State *L);
/* (replay, f, ...) -> what f(...) returns; kernel_of is the replay's meanwhile,
 * and what comes of it at once has happened */
int replay_f_within(lua_State *L);
int replay_f_advance(lua_State *L); /* (replay, seconds) */

#endif
