/* Open upvalues: variables that functions share with a waiting function, whose
 * place is on that function's stack. They are read as variables of their own
 * and become part of the stack at the very end, when nothing can fail any more.
 */
#include "persist/graph.h"

#include <stdlib.h>

void link_add(Decoder *d, uint32_t upvalue, uint32_t thread, int slot) {
  Persist *p = d->p;
  vec_room(p->links, d->nlinks, p->links_cap);
  p->links[d->nlinks++] = (Link){ upvalue, thread, slot };
}

static int compare_links(const void *a, const void *b) {
  const Link *x = a, *y = b;
  if (x->thread != y->thread) return x->thread < y->thread ? -1 : 1;
  return (x->slot > y->slot) - (x->slot < y->slot);
}

void links_check(Decoder *d) {
  Persist *p = d->p;
  if (d->nlinks > 1)
    qsort(p->links, d->nlinks, sizeof *p->links, compare_links);
  for (uint32_t i = 0; i < d->nlinks; i++) {
    const Link *l = &p->links[i];
    const Object *uv = object_at(d, l->upvalue), *co = object_at(d, l->thread);
    if (rawtt(&uv->value) != TAG_UPVALUE || !uv->is_ours ||
        !ttisthread(&co->value) || !co->is_ours ||
        !thread_can_capture(thvalue(&co->value), l->slot))
      damaged(d, "a variable has no place");
    if (i > 0 && compare_links(l - 1, l) == 0)
      damaged(d, "two variables have one place");
  }
  for (uint32_t i = 0; i < d->nlinks; i++) {
    uint32_t *seen = map_at(&p->seen,
                            val_(&p->objects[p->links[i].upvalue].value).gc);
    if (*seen != MAP_NONE) damaged(d, "a variable has two places");
    *seen = 0;
  }
}

/* In rising order, since a thread's list begins with its highest slot. */
void links_open(Decoder *d) {
  Persist *p = d->p;
  for (uint32_t i = 0; i < d->nlinks; i++) {
    lua_State *co = thvalue(&p->objects[p->links[i].thread].value);
    UpVal *uv = gco2upv(val_(&p->objects[p->links[i].upvalue].value).gc);
    uv->v.p = slot_value(co, p->links[i].slot);
    uv->u.open.next = co->openupval;
    uv->u.open.previous = &co->openupval;
    if (co->openupval) co->openupval->u.open.previous = &uv->u.open.next;
    co->openupval = uv;
    if (!isintwups(co)) {
      co->twups = G(co)->twups;
      G(co)->twups = co;
    }
  }
}
