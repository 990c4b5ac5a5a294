/*
 * life: how long an engine's memory lives: until its store was freed, and then until the last view
 * of a value of it was. Its files are closed with the store.
 *
 * Thread-safe.
 */
#ifndef PYKV_API_LIFE_H
#define PYKV_API_LIFE_H

#include <stdatomic.h>
#include <stdint.h>

#include "api/engine.h"

typedef struct engine_life {
    _Atomic uint64_t users; /* the store, and views */
    const engine_ops *ops;
    void *engine; /* set once, before the first engine_life_join */
} engine_life;

/* With one user. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status engine_life_new(const engine_ops *ops, engine_life **life_out);

/* One user more; the caller is inside the gate of the engine, or a user. */
void engine_life_join(engine_life *self);

/* One user less; the last one frees the engine, whose store was closed, and this. */
void engine_life_leave(engine_life *self);

#endif
