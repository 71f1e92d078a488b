/* `stube.drive`, with which specs mint and drive conversations without a
 * socket. The memory store is polled by hand, so a spec can hold a commit, fail
 * it, and look at what is visible meanwhile. Time stands still unless a spec
 * advances it.
 *
 *   drive.c          conversations, their events, what is sent to pages
 *   drive_time.c     time, the store, restarts
 *   drive_config.c   limits, the log
 *   drive_workers.c  worker threads
 *   test.c           `stube test`: busted over all that
 */
#ifndef HOST_DRIVE_H
#define HOST_DRIVE_H

#include "host/host.h"

/* In a function of `stube.drive`. */
static inline Host *drive_host(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* Ports of the kernel: what is released is kept for the spec. */
void drive_release(void *ud, Conv *c, FragmentId first, const Fragment *f,
                   size_t n);
void drive_ended(void *ud, Conv *c);
bool drive_forget(void *ud, Conv *c);

void drive_open(Host *h);

/* Tells the kernel what time it is. */
void drive_now(Host *h);

/* All that a spec does not hold back is kept. */
void drive_settle(Host *h);

/* Each adds functions to the table on top of L. */
void drive_time_open(lua_State *L, Host *h);
void drive_config_open(lua_State *L, Host *h);
void drive_workers_open(lua_State *L, Host *h);

#endif
