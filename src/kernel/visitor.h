/* Visitors: who owns conversations, and the token with which they say so.
 *
 * A visitor is 128 random bits; its token is those and a MAC over them and a
 * generation, so that no token has to be kept, and none that we did not make is
 * anybody's. Renewing (s.renew_session, at a login) is the next generation:
 *
 *     renewed            the newest is told, in an      the newest has been
 *                        answer to the page that        used: it alone is good
 *                        renewed, as often as needed
 *       o --------------------- both are good ------------------ o
 *
 * Until a visitor has shown the new token the old one stays good, for an answer
 * can be lost on its way. But only a request that knows the conversation which
 * renewed learns the new one: who planted the old token does not.
 *
 * What is kept of a visitor (STORE_META, only once it has renewed): the newest
 * generation, the oldest that is good, and the conversation that renewed. It
 * goes with the turn. */
#ifndef KERNEL_VISITOR_H
#define KERNEL_VISITOR_H

#include <lua.h>

#include "kernel/kernel.h"

/* The host's key is known, or another one. */
void visitors_key(Kernel *k);
/* The store is there. */
void visitors_open(Kernel *k);
/* Forgets what is under way. For the end. */
void visitors_free(Kernel *k);
/* The effect renew_session. Both raise: when it is asked for, and when what
 * goes with the turn is made. */
void visitor_check(Kernel *k, lua_State *L);
void visitor_renew(Kernel *k, lua_State *L);

#endif
