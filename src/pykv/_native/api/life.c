/*
 * life: a count of users.
 */
#include "api/life.h"

#include "base/error.h"
#include "base/memory.h"

pykv_status engine_life_new(const engine_ops *ops, engine_life **life_out)
{
    engine_life *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    atomic_init(&self->users, 1);
    self->ops = ops;
    *life_out = self;
    return PYKV_OK;
}

void engine_life_join(engine_life *self)
{
    atomic_fetch_add_explicit(&self->users, 1, memory_order_relaxed);
}

void engine_life_leave(engine_life *self)
{
    if (atomic_fetch_sub_explicit(&self->users, 1, memory_order_acq_rel) == 1) {
        self->ops->free(self->engine);
        mem_free(self);
    }
}
